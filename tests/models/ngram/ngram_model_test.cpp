#include "models/ngram/ngram_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/files/file_error.h"
#include "data/random/random.h"
#include "models/ngram/ngram_text.h"
#include "tests/support/plain_test.h"

namespace langzoo::test::ngram_model_test {

namespace {

using Catch::Contains;
using Words = std::vector<std::int32_t>;

NGramModel trained(const TempDir& dir, int order, NGramSmoothing smoothing = NGramSmoothing::kModifiedKneserNey) {
  train_ngrams(fixture("ngram/text.txt"), dir / "model", {.order = order, .smoothing = smoothing});
  return NGramModel::load(dir / "model");
}

/// P by the n-grams themselves, longest first.
double by_definition(const NGramModel& model, const std::map<Words, std::pair<float, float>>& ngrams, Words history,
                     std::int32_t word) {
  if (std::ssize(history) >= model.order()) history.erase(history.begin(), history.end() - model.order() + 1);
  float weight = 0;
  for (;; history.erase(history.begin())) {
    auto whole = history;
    whole.push_back(word);
    if (const auto found = ngrams.find(whole); found != ngrams.end()) {
      return static_cast<double>(weight + found->second.first);
    }
    if (const auto found = ngrams.find(history); found != ngrams.end()) weight += found->second.second;
  }
}

}  // namespace

TEST_CASE("a state says as much of the history as its words do") {
  const TempDir dir;
  Random random(3);
  for (const int order : {1, 2, 3, 5}) {
    const auto model = trained(dir, order);
    std::map<Words, std::pair<float, float>> ngrams{{{-1}, {0, model.start_log10_backoff()}}};
    model.for_each_ngram([&](auto words, float log10_p, float log10_backoff, bool) {
      ngrams[Words(words.begin(), words.end())] = {log10_p, log10_backoff};
    });
    Words history{-1};
    auto state = model.start();
    for (int i = 0; i < 3000; ++i) {
      const auto word = static_cast<std::int32_t>(random.below(random.below(model.vocabulary()) + 1));
      CHECK(model.log10_probability(state, word) == Approx(by_definition(model, ngrams, history, word)).margin(1e-5));
      history.push_back(word);
      if (random.below(9) == 0) history = {-1}, state = model.start();
    }
  }
}

TEST_CASE("histories that nothing tells apart have the same state") {
  const TempDir dir;
  const auto model = trained(dir, 5);
  const auto id = [&](const char* word) { return model.words().find(word); };
  const auto behind = [&](const Words& words) {
    auto state = model.start();
    for (const std::int32_t word : words) model.log_probability(state, word);
    return state;
  };
  CHECK(behind({id("w0"), 0, id("w1")}) == behind({0, 0, id("w1")}));
  CHECK(behind({id("w0"), id("w2")}) != behind({id("w1"), id("w2")}));
  CHECK(behind({id("w0"), 0}) == model.empty());
}

TEST_CASE("a model's bytes are the model") {
  const TempDir dir;
  const auto model = trained(dir, 3);
  const NGramModel copy{read_file(dir / "model")};
  CHECK(std::equal(model.bytes().begin(), model.bytes().end(), copy.bytes().begin(), copy.bytes().end()));
  const Words sentence{2, 3, 4};
  CHECK(copy.log_probability(sentence) == model.log_probability(sentence));
  CHECK(copy.words().word(5) == model.words().word(5));
  auto state = copy.start();
  CHECK_THROWS_AS(copy.log_probability(state, copy.vocabulary()), std::out_of_range);
  CHECK_THROWS_AS(copy.log_probability(state, -1), std::out_of_range);
}

TEST_CASE("what is no model, or a part of one, is refused by name") {
  const TempDir dir;
  trained(dir, 3);
  const auto whole = read_file(dir / "model");
  const auto refused = [&](const std::string& bytes) {
    write_file(dir / "model", bytes);
    CHECK_THROWS_AS(NGramModel::load(dir / "model"), FileError);
    CHECK_THROWS_WITH(NGramModel::load(dir / "model"), Contains("model: "));
  };
  refused("");
  refused("a text\n");
  refused(whole + "0123456789abcdef");
  for (std::size_t size = 0; size < whole.size(); size += 97) refused(whole.substr(0, size));
  // Every number of the header: the order, the rule, the vocabulary and its end, the start, words, nodes, the text.
  for (const std::size_t at : {0, 16, 20, 32, 36, 40, 44, 48, 56}) {
    auto bytes = whole;
    for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(0xF7);
    INFO(at);
    refused(bytes);
  }
  CHECK_THROWS_WITH(NGramModel::load(dir / "missing"), Contains("missing"));
}

TEST_CASE("nodes beyond the last level's are refused, whatever the rule for unseen words") {
  const TempDir dir;
  for (const auto smoothing :
       {NGramSmoothing::kModifiedKneserNey, NGramSmoothing::kAddK, NGramSmoothing::kStupidBackoff}) {
    trained(dir, 3, smoothing);
    auto bytes = read_file(dir / "model");
    constexpr std::size_t kHeader = 64, kLevel = 16;
    std::uint64_t last = 0;  // the last level's first node: that behind all
    std::memcpy(&last, bytes.data() + kHeader + 3 * kLevel + 8, sizeof last);
    --last;
    std::memcpy(bytes.data() + kHeader + 3 * kLevel + 8, &last, sizeof last);
    write_file(dir / "model", bytes);
    CHECK_THROWS_WITH(NGramModel::load(dir / "model"), Contains("the nodes are out of order"));
    CHECK_THROWS_WITH(NGramModel{bytes}, Contains("the nodes are out of order"));
  }
}

TEST_CASE("numbers that are no probabilities are damage, in whatever is asked") {
  const TempDir dir;
  for (const float number : {std::numeric_limits<float>::quiet_NaN(), 3.0F}) {
    train_ngrams(fixture("ngram/text.txt"), dir / "model", {.order = 1});
    auto bytes = read_file(dir / "model");
    const auto whole = NGramModel{bytes};
    auto state = whole.start();
    const auto p = static_cast<float>(whole.log10_probability(state, 0));
    const auto at = bytes.find(std::string(reinterpret_cast<const char*>(&p), sizeof p));
    REQUIRE(at != std::string::npos);
    std::memcpy(bytes.data() + at, &number, sizeof number);
    write_file(dir / "model", bytes);
    const auto model = NGramModel::load(dir / "model");
    state = model.start();
    CHECK_THROWS_WITH(model.log_probability(state, 0), Contains("damaged"));
    CHECK_THROWS_WITH(model.for_each_ngram([](auto...) {}), Contains("damaged"));
    CHECK(model.log_probability(state, 1) < 0);
    std::memcpy(bytes.data() + 24, &number, sizeof number);  // the header's
    write_file(dir / "model", bytes);
    CHECK_THROWS_WITH(NGramModel::load(dir / "model"), Contains("the header is damaged"));
  }
}

TEST_CASE("a table that is lost is damage, and not words that were never seen") {
  const TempDir dir;
  trained(dir, 2);
  auto bytes = read_file(dir / "model");
  const auto model = NGramModel{bytes};
  const auto table = (bytes.size() - sizeof(std::uint64_t)) / 2;
  // But for the last place, which is empty.
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(table), bytes.end() - 24, '\0');
  write_file(dir / "model", bytes);
  const auto damaged = NGramModel::load(dir / "model");
  int errors = 0;
  for (std::int32_t word = 0; word < damaged.vocabulary(); ++word) {
    for (std::int32_t next = 0; next < damaged.vocabulary(); ++next) {
      auto state = damaged.empty();
      try {
        damaged.log_probability(state, word);
        const double p = damaged.log_probability(state, next);
        auto expected = model.empty();
        model.log_probability(expected, word);
        CHECK(p == model.log_probability(expected, next));
      } catch (const FileError&) {
        ++errors;
      }
    }
  }
  CHECK(errors > 0);
}

TEST_CASE("a damaged table ends no query otherwise than with an error or a number") {
  const TempDir dir;
  trained(dir, 4);
  const auto whole = read_file(dir / "model");
  Random random(8);
  int errors = 0;
  for (int i = 0; i < 300; ++i) {
    auto bytes = whole;
    for (auto n = 1 + random.below(40); n > 0; --n) {
      bytes[64 + random.below(bytes.size() - 64)] = static_cast<char>(random.below(256));
    }
    write_file(dir / "model", bytes);
    try {
      const auto model = NGramModel::load(dir / "model");
      auto state = model.start();
      for (int word = 0; word < 300; ++word) {
        model.log_probability(state, static_cast<std::int32_t>(random.below(model.vocabulary())));
      }
      model.for_each_ngram([](auto...) {});
    } catch (const std::runtime_error& error) {
      ++errors;
      CHECK_THAT(error.what(), Contains((dir / "model").string()));
    }
    // In memory everything is looked at first.
    try {
      const NGramModel model{bytes};
      auto state = model.start();
      for (int word = 0; word < 300; ++word) {
        CHECK(model.log_probability(state, static_cast<std::int32_t>(random.below(model.vocabulary()))) < 1e9);
      }
    } catch (const std::runtime_error&) {
    }
  }
  CHECK(errors > 100);
}

}  // namespace langzoo::test::ngram_model_test
