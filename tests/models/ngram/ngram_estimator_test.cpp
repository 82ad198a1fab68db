#include "models/ngram/ngram_estimator.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "data/random/random.h"
#include "models/ngram/arpa.h"
#include "models/ngram/ngram_text.h"
#include "tests/support/plain_test.h"

namespace langzoo::test::ngram_estimator_test {

namespace {

using Catch::Contains;
using Words = std::vector<std::int32_t>;

NGramSmoothing smoothing_of(const std::string& name) {
  if (name == "modified_kneser_ney") return NGramSmoothing::kModifiedKneserNey;
  if (name == "kneser_ney") return NGramSmoothing::kKneserNey;
  if (name == "add_k") return NGramSmoothing::kAddK;
  return name == "none" ? NGramSmoothing::kNone : NGramSmoothing::kStupidBackoff;
}

/// The golden text's model.
NGramModel golden_model(const TempDir& dir, const nlohmann::json& golden, std::size_t memory = 1 << 26) {
  train_ngrams(fixture("ngram/text.txt"), dir / "model",
               {.order = golden["order"], .smoothing = smoothing_of(golden["smoothing"]), .k = 0.5, .memory = memory});
  return NGramModel::load(dir / "model");
}

std::vector<Words> random_text(std::uint64_t seed, int sentences, std::uint64_t vocabulary) {
  Random random(seed);
  std::vector<Words> text(static_cast<std::size_t>(sentences));
  for (auto& sentence : text) {
    sentence.resize(random.below(9));
    for (std::size_t i = 0; i < sentence.size(); ++i) {  // small ids are frequent, and follow their like
      const auto word = random.below(random.below(vocabulary) + 1);
      sentence[i] = static_cast<std::int32_t>(
          i > 0 && random.below(3) == 0 ? (static_cast<std::uint64_t>(sentence[i - 1]) + word % 2) % vocabulary : word);
    }
  }
  return text;
}

/// The sentence's end is the last id.
NGramModel model_of(const std::vector<Words>& text, std::int32_t words, const NGramOptions& options) {
  const std::vector<std::span<const std::int32_t>> sentences(text.begin(), text.end());
  return estimate_ngrams(sentences, words + 1, words, options);
}

double sum_behind(const NGramModel& model, NGramState state) {
  std::vector<double> all(static_cast<std::size_t>(model.vocabulary()));
  model.log_probabilities(state, all);
  double sum = 0;
  for (const double p : all) sum += std::exp(p);
  return sum;
}

NGramState behind(const NGramModel& model, const Words& words) {
  auto state = model.start();
  for (const std::int32_t word : words) model.log_probability(state, word);
  return state;
}

}  // namespace

TEST_CASE("every n-gram's probability and back-off weight is that of an independent program of the equations") {
  const TempDir dir;
  const auto goldens = nlohmann::json::parse(read_file(fixture("ngram/models.json")));
  std::size_t compared = 0;
  for (const auto& golden : goldens) {
    INFO(golden["order"] << " " << golden["smoothing"]);
    const auto model = golden_model(dir, golden);
    if (!golden.contains("ngrams")) continue;
    std::size_t ngrams = 0;
    model.for_each_ngram([&](auto words, float log10_p, float log10_backoff, bool is_history) {
      std::string text;
      for (const std::int32_t word : words) {
        text += (text.empty() ? "" : " ") + std::string(word < 0 ? kSentenceStartText : model.words().word(word));
      }
      if (text == "<unk>") return;  // the text has none
      ++ngrams;
      REQUIRE(golden["ngrams"].contains(text));
      const auto& expected = golden["ngrams"][text];
      CHECK(static_cast<double>(log10_p) == Approx(expected[0].get<double>()).margin(3e-6));
      if (std::ssize(words) < model.order()) {
        CHECK(static_cast<double>(log10_backoff) == Approx(expected[1].get<double>()).margin(3e-6));
      }
      CHECK((is_history || expected[1] == 0));
    });
    CHECK(ngrams == golden["ngrams"].size());
    compared += ngrams;
  }
  CHECK(compared > 2000);
}

TEST_CASE("the probability of every word after some histories is that of the equations, whatever the smoothing") {
  const TempDir dir;
  const auto goldens = nlohmann::json::parse(read_file(fixture("ngram/models.json")));
  for (const auto& golden : goldens) {
    const auto model = golden_model(dir, golden);
    for (const auto& history : golden["histories"]) {
      INFO(golden["order"] << " " << golden["smoothing"] << " " << history["history"].dump());
      auto state = model.empty();
      for (const std::string word : history["history"]) {
        if (word == "<s>") {
          state = model.start();
        } else {
          model.log_probability(state, std::max(0, model.words().find(word)));
        }
      }
      for (const auto& [word, log10_p] : history["log10"].items()) {
        auto after = state;
        const double actual = model.log10_probability(after, model.words().find(word));
        INFO(word);
        if (log10_p.is_null()) {
          CHECK(actual == -std::numeric_limits<double>::infinity());
        } else {
          CHECK(actual == Approx(log10_p.get<double>()).margin(3e-6));
        }
      }
    }
  }
}

// recipes: Y = n1 / (n1 + 2 n2), D1 = 1 - 2 Y n2 / n1, D2 = 2 - 3 Y n3 / n2, D3 = 3 - 4 Y n4 / n3.
TEST_CASE("discounts come from the counts of counts") {
  const TempDir dir;
  const auto goldens = nlohmann::json::parse(read_file(fixture("ngram/models.json")));
  const auto report = train_ngrams(fixture("ngram/text.txt"), dir / "model", {.order = 5});
  const auto& expected = goldens[4]["discounts"];
  REQUIRE(report.model.discounts.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      CHECK(report.model.discounts[i][j] == Approx(expected[i][j].get<double>()).margin(1e-6));
    }
  }
}

TEST_CASE("the probabilities of every history sum to 1, pruned or not") {
  const auto text = random_text(5, 250, 20);
  for (const auto smoothing : {NGramSmoothing::kModifiedKneserNey, NGramSmoothing::kKneserNey, NGramSmoothing::kAddK}) {
    for (const int order : {1, 2, 4}) {
      std::vector<std::vector<std::int64_t>> prunings{{}};
      if (smoothing != NGramSmoothing::kAddK) prunings.insert(prunings.end(), {{0, 0, 1}, {0, 1, 1, 3}, {0, 1000}});
      for (auto& prune : prunings) {
        prune.resize(std::min(prune.size(), static_cast<std::size_t>(order)));
        const auto model = model_of(
            text, 20, {.order = order, .smoothing = smoothing, .k = 0.1, .prune = prune, .discount_fallback = true});
        for (const Words& words :
             {Words{}, Words{3}, Words{19, 18, 17}, Words{0, 0}, Words{0, 1, 0, 2}, Words{0, 1}, Words{7, 7, 7, 7}}) {
          CHECK(sum_behind(model, behind(model, words)) == Approx(1).epsilon(1e-5));
          auto state = model.empty();
          for (const std::int32_t word : words) model.log_probability(state, word);
          CHECK(sum_behind(model, state) == Approx(1).epsilon(1e-5));
        }
      }
    }
  }
}

TEST_CASE("pruning leaves out what occurs rarely, and nothing that is kept needs it") {
  const auto text = random_text(5, 250, 20);
  const auto all = model_of(text, 20, {.order = 3, .discount_fallback = true});
  const auto pruned = model_of(text, 20, {.order = 3, .prune = {0, 0, 1}, .discount_fallback = true});
  CHECK(pruned.counts()[0] == all.counts()[0]);
  CHECK(pruned.counts()[1] == all.counts()[1]);
  CHECK(pruned.counts()[2] < all.counts()[2] / 2);
  const auto none = model_of(text, 20, {.order = 3, .prune = {0, 1000}, .discount_fallback = true});
  CHECK(none.counts() == std::vector<std::uint64_t>{21, 0, 0});
  const auto short_one = model_of(text, 20, {.order = 2, .prune = {0, 1}, .discount_fallback = true});
  const auto long_one = model_of(text, 20, {.order = 3, .prune = {0, 1, 1000}, .discount_fallback = true});
  CHECK(long_one.counts()[1] == short_one.counts()[1]);
}

// "a b", "a": unigrams of a bigram model count what stands before: a 1 (<s>), b 1 (a), </s> 2 (b, a). Counts of counts
// are too few, so discounts are 0.5, 1, 1.5: P(a) = (1 - 0.5 + (0.5 + 0.5 + 1) / 3) / 4 with the words a, b and </s>.
TEST_CASE("a bigram model by hand") {
  const auto model = model_of({{0, 1}, {0}}, 2, {.order = 2, .discount_fallback = true});
  const auto approx = [](double value) { return Approx(value).epsilon(1e-6); };
  const double a = (0.5 + 2.0 / 3) / 4, b = a, stop = (1 + 2.0 / 3) / 4;
  CHECK(model.probability(model.empty(), {}, 0) == approx(a));
  CHECK(model.probability(model.empty(), {}, 2) == approx(stop));
  // After <s>: a, twice. After a: b and </s>, once each.
  const Words after_a{0};
  CHECK(model.probability(model.start(), {}, 0) == approx((2 - 1 + 1 * a) / 2));
  CHECK(model.probability(model.start(), {}, 1) == approx((0 + 1 * b) / 2));
  CHECK(model.probability(model.start(), after_a, 1) == approx((0.5 + 1 * b) / 2));
  const Words sentence{0};
  const double expected = std::log((1 + a) / 2) + std::log((0.5 + stop) / 2);
  CHECK(model.log_probability(sentence) == approx(expected));
  const std::vector<std::span<const std::int32_t>> one{sentence};
  CHECK(model.perplexity(one) == approx(std::exp(-expected / 2)));
}

TEST_CASE("a model does not depend on the memory in which it was counted") {
  const TempDir dir;
  std::string text;
  Random random(4);
  for (int i = 0; i < 60000; ++i) {
    text += "w" + std::to_string(random.below(random.below(900) + 1)) + (random.below(12) == 0 ? "\n" : " ");
  }
  write_file(dir / "text", text);
  for (const int order : {1, 2, 5}) {
    for (const auto smoothing : {NGramSmoothing::kModifiedKneserNey, NGramSmoothing::kStupidBackoff}) {
      const auto bytes_with = [&](std::size_t memory) {
        train_ngrams(dir / "text", dir / "model",
                     {.order = order, .smoothing = smoothing, .discount_fallback = true, .memory = memory});
        return read_file(dir / "model");
      };
      const auto whole = bytes_with(std::size_t{1} << 28);
      CHECK(bytes_with(std::size_t{1} << 21) == whole);
      CHECK(bytes_with(std::size_t{5} << 18) == whole);
    }
  }
}

TEST_CASE("longer histories help where the text has them") {
  std::vector<Words> text;
  for (int i = 0; i < 300; ++i) text.push_back({i % 7, i % 5 + 7, (i % 7 + i % 5) % 9});  // the third follows from two
  const auto perplexity = [&](int order, const std::vector<Words>& of) {
    const std::vector<std::span<const std::int32_t>> sentences(of.begin(), of.end());
    return model_of(text, 12, {.order = order, .discount_fallback = true}).perplexity(sentences);
  };
  CHECK(perplexity(1, text) > 1.5 * perplexity(2, text));
  CHECK(perplexity(2, text) > 1.2 * perplexity(3, text));
  CHECK(perplexity(3, {{8, 1, 1}, {7, 7, 11}}) > 5 * perplexity(3, text));
}

TEST_CASE("what makes no language model is refused") {
  CHECK_THROWS_AS(model_of({}, 5, {}), std::invalid_argument);
  CHECK_THROWS_AS(model_of({{6}}, 5, {}), std::invalid_argument);
  CHECK_THROWS_AS(model_of({{-1}}, 5, {}), std::invalid_argument);
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.order = 0}), Contains("order 0"));
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.order = 65}), Contains("order 65"));
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.order = 2}), Contains("order 1") && Contains("discount_fallback"));
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.k = 0}), Contains("k 0"));
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.backoff_factor = 2}), Contains("backoff_factor 2"));
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.prune = {1}}), Contains("prune 1"));
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.prune = {0, 2, 1}}), Contains("prune 0 2 1"));
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.order = 2, .prune = {0, 0, 1}}), Contains("3 words, and order is 2"));
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.smoothing = NGramSmoothing::kAddK, .prune = {0, 2}}), Contains("Kneser-Ney"));
  CHECK_THROWS_WITH(model_of({{1}}, 5, {.smoothing = NGramSmoothing::kNone, .memory = 1000}), Contains("memory"));
}

}  // namespace langzoo::test::ngram_estimator_test
