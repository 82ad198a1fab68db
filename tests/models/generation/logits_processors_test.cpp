#include "models/generation/logits_processors.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "data/random/philox.h"
#include "models/generation/sampler.h"
#include "tests/models/generation/processor_loops.h"
#include "tests/support/test.h"

namespace langzoo::logits_processors_test {
namespace {

using nlohmann::json;
using torch::Tensor;
using Ids = std::vector<std::int32_t>;

constexpr float kInf = std::numeric_limits<float>::infinity();

/// Rows of which row b holds prompts[b] and then made[b], on the left of which is padding that looks like a token.
struct Rows {
  Rows(const std::vector<Ids>& prompts, const std::vector<Ids>& made, std::int64_t padding, std::int64_t vocabulary)
      : sources(prompts.size()) {
    std::size_t width = 0;
    for (std::size_t b = 0; b < prompts.size(); ++b) {
      sources[b] = static_cast<std::int64_t>(b);
      lengths.push_back(std::ssize(prompts[b]));
      width = std::max(width, prompts[b].size() + made[b].size());
    }
    const auto count = std::ssize(prompts);
    rows.ids = torch::full({count, static_cast<std::int64_t>(width)}, padding, torch::kInt64);
    rows.mask = torch::zeros(rows.ids.sizes(), torch::kBool);
    for (std::int64_t b = 0; b < count; ++b) {
      std::vector<std::int64_t> ids(prompts[b].begin(), prompts[b].end());
      ids.insert(ids.end(), made[b].begin(), made[b].end());
      const auto begin = static_cast<std::int64_t>(width) - std::ssize(ids);
      rows.ids[b].narrow(0, begin, std::ssize(ids)).copy_(torch::tensor(ids));
      rows.mask[b].narrow(0, begin, std::ssize(ids)).fill_(true);
    }
    rows.unprocessed = torch::randn({count, vocabulary}) * 3;
    rows.new_tokens = std::ssize(made[0]);
    rows.sources = sources;
    rows.prompt_lengths = lengths;
  }

  Tensor process(const DecodingOptions& options) const {
    auto logits = rows.unprocessed;
    const auto before = logits.clone();
    for (const auto& processor : logits_processors(options, logits)) {
      auto seen = rows;
      if (!processor->reads_ids()) seen.ids = seen.mask = Tensor();
      logits = processor->process(logits, seen);
    }
    CHECK(torch::equal(rows.unprocessed, before));
    return logits;
  }

  DecodingRows rows;
  std::vector<std::int64_t> sources, lengths;
};

/// Numbers that are the same on every machine.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : seed_(seed) {}
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(philox_uniform(seed_, drawn_++, 0, 0) * static_cast<double>(n));
  }
  Ids ids(std::int64_t count, std::int64_t vocabulary) {
    Ids result;
    for (std::int64_t i = 0; i < count; ++i) result.push_back(static_cast<std::int32_t>(below(vocabulary)));
    return result;
  }

 private:
  std::uint64_t seed_, drawn_ = 0;
};

TEST_CASE("the list of processors equals loops, in random settings") {
  constexpr std::int64_t kV = 13, kFew = 5;
  torch::manual_seed(1);
  Draws draws(2);
  for (int trial = 0; trial < 600; ++trial) {
    INFO("trial " << trial);
    DecodingOptions o;
    const auto chance = [&](std::int64_t n) { return draws.below(n) == 0; };
    const auto made_tokens = draws.below(5);
    o.max_new_tokens = made_tokens + 1 + draws.below(3);
    o.eos_token_ids = draws.ids(draws.below(4), kV + 2);
    if (chance(2)) o.repetition_penalty = 0.6 + 0.4 * static_cast<double>(draws.below(4));
    o.no_repeat_ngram_size = chance(2) ? draws.below(4) : 0;
    for (auto words = chance(2) ? draws.below(12) : 0; words > 0; --words) {
      o.bad_words_ids.push_back(draws.ids(1 + draws.below(3), kFew));
    }
    if (chance(3)) o.min_length = draws.below(9);
    if (chance(3)) o.min_new_tokens = draws.below(o.max_new_tokens + 1);
    if (chance(3)) o.forced_bos_token_id = static_cast<std::int32_t>(draws.below(kV));
    if (chance(3)) o.forced_eos_token_id = draws.ids(1 + draws.below(2), kV);
    if (chance(3)) o.suppress_tokens = draws.ids(draws.below(4), kV);
    if (chance(3)) o.begin_suppress_tokens = draws.ids(draws.below(4), kV);
    std::vector<Ids> prompts, made;
    const auto sources = 1 + draws.below(4);
    for (std::int64_t b = 0; b < sources; ++b) {
      prompts.push_back(draws.ids(1 + draws.below(4), kFew));
      made.push_back(draws.ids(made_tokens, kFew));
      o.prefixes.push_back(draws.ids(draws.below(std::max<std::int64_t>(1, o.max_new_tokens - 1)), kV));
    }
    if (chance(2)) o.prefixes.clear();
    const Rows rows(prompts, made, draws.below(kFew), kV);
    const auto mine = rows.process(o);
    for (std::int64_t b = 0; b < sources; ++b) {
      std::vector<double> raw(kV);
      for (std::int64_t v = 0; v < kV; ++v) raw[v] = rows.rows.unprocessed[b][v].item<double>();
      const auto prefix = o.prefixes.empty() ? Ids() : o.prefixes[b];
      const auto expected = torch::tensor(test::processed_by_loops(raw, prompts[b], made[b], prefix, o));
      CHECK(torch::allclose(mine[b].to(torch::kFloat64), expected.to(torch::kFloat64), 1e-6, 1e-6));
    }
  }
}

DecodingOptions options_of(const json& s) {
  DecodingOptions o;
  o.max_new_tokens = s["max_new_tokens"];
  o.eos_token_ids = s["eos_token_id"].get<Ids>();
  o.min_length = s.value("min_length", 0);
  o.min_new_tokens = s.value("min_new_tokens", 0);
  o.repetition_penalty = s.value("repetition_penalty", 1.0);
  o.no_repeat_ngram_size = s.value("no_repeat_ngram_size", 0);
  o.bad_words_ids = s.value("bad_words_ids", std::vector<Ids>());
  if (s.contains("forced_bos_token_id")) o.forced_bos_token_id = s["forced_bos_token_id"].get<std::int32_t>();
  o.forced_eos_token_id = s.value("forced_eos_token_id", Ids());
  o.suppress_tokens = s.value("suppress_tokens", Ids());
  o.begin_suppress_tokens = s.value("begin_suppress_tokens", Ids());
  return o;
}

TEST_CASE("the list of processors equals transformers'") {
  const auto golden = json::parse(test::read_file(test::fixture("generation/logits_processors.json")));
  REQUIRE(golden["cases"].size() == 120);
  for (const auto& c : golden["cases"]) {
    INFO(c["settings"].dump());
    const auto ids = c["ids"].get<std::vector<Ids>>();
    const auto prompt = c["prompt_length"].get<std::ptrdiff_t>();
    std::vector<Ids> prompts, made;
    for (const auto& row : ids) {
      prompts.emplace_back(row.begin(), row.begin() + prompt);
      made.emplace_back(row.begin() + prompt, row.end());
    }
    const auto vocabulary = std::ssize(c["logits"][0]);
    Rows rows(prompts, made, 0, vocabulary);
    const auto options = options_of(c["settings"]);
    options.validate();
    const auto matrix = [](const json& values) {
      std::vector<Tensor> result;
      for (const auto& row : values) {
        std::vector<float> numbers;
        for (const auto& x : row) numbers.push_back(x.is_null() ? -kInf : x.get<float>());
        result.push_back(torch::tensor(numbers));
      }
      return torch::stack(result);
    };
    rows.rows.unprocessed = matrix(c["logits"]);
    CHECK(torch::allclose(rows.process(options), matrix(c["processed"]), 1e-5, 1e-6));
  }
}

TEST_CASE("padding never takes part") {
  const auto logits = torch::randn({1, 9});
  // The padding's id 2 is a real token's id as well, and the row's n-grams would match across the edge.
  const auto ids = torch::tensor({{2, 2, 2, 4, 5, 4}});
  const auto mask = torch::tensor({{0, 0, 0, 1, 1, 1}}) != 0;
  const auto alone = torch::tensor({{4, 5, 4}}), all = torch::ones({1, 3}, torch::kBool);
  CHECK(torch::equal(penalize_repetition(logits, ids, mask, 2), penalize_repetition(logits, alone, all, 2)));
  for (int n = 1; n <= 4; ++n) {
    CHECK(torch::equal(ban_repeated_ngrams(logits, ids, mask, n), ban_repeated_ngrams(logits, alone, all, n)));
  }
  const auto short_row = torch::tensor({{2, 2, 2, 2}}), one = torch::tensor({{0, 0, 0, 1}}) != 0;
  CHECK(torch::equal(ban_repeated_ngrams(logits, short_row, one, 3), logits));
  const auto banned = ban_repeated_ngrams(logits, ids, mask, 2);
  CHECK(banned[0][5].item<float>() == -kInf);
  CHECK(torch::isinf(banned).sum().item<int>() == 1);
}

TEST_CASE("nothing asked for is no processor") {
  const auto logits = torch::zeros({1, 5});
  CHECK(logits_processors({}, logits).empty());
  DecodingOptions o;
  o.min_new_tokens = o.min_length = 3;  // of what never ends
  o.bad_words_ids = {{9}};
  o.eos_token_ids = {9};
  CHECK_THROWS_AS(logits_processors(o, logits), std::invalid_argument);
  o.bad_words_ids = {};
  CHECK(logits_processors(o, logits).empty());
  o.eos_token_ids = {4};
  CHECK(logits_processors(o, logits).size() == 1);
  o.bad_words_ids = {{4}};  // an end token alone cannot be forbidden so
  CHECK(logits_processors(o, logits).size() == 1);
}

TEST_CASE("tokens that a model does not have are named") {
  const auto message = [](auto&& change) -> std::string {
    DecodingOptions o;
    change(o);
    try {
      logits_processors(o, torch::zeros({1, 5}));
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  using O = DecodingOptions;
  CHECK(message([](O& o) {
          o.bad_words_ids = {{1}, {2, 5, 1}};
        }) == "bad_words_ids: 5 is outside the model's vocabulary of 5");
  CHECK(message([](O& o) { o.forced_bos_token_id = 6; }).find("forced_bos_token_id: 6") == 0);
  CHECK(message([](O& o) { o.forced_eos_token_id = {1, 7}; }).find("forced_eos_token_id: 7") == 0);
  CHECK(message([](O& o) { o.suppress_tokens = {8}; }).find("suppress_tokens: 8") == 0);
  CHECK(message([](O& o) { o.begin_suppress_tokens = {9}; }).find("begin_suppress_tokens: 9") == 0);
  CHECK(message([](O& o) { o.prefixes = {{4, 5}}; }).find("prefixes: 5") == 0);
}

}  // namespace
TEST_CASE("renormalized are the probabilities of what the others leave") {
  const Rows rows({{1}, {2}}, {{3}, {4}}, 0, 10);
  DecodingOptions options;
  options.suppress_tokens = {0, 7};
  const auto left = rows.process(options);
  options.renormalize_logits = true;
  const auto probabilities = rows.process(options).exp();
  CHECK(torch::allclose(probabilities.sum(1), torch::ones(2)));
  CHECK(torch::allclose(probabilities, left.softmax(1)));
  CHECK(probabilities.select(1, 7).max().item<double>() == 0);
}

}  // namespace langzoo::logits_processors_test
