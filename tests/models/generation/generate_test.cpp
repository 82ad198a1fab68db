#include "models/generation/generate.h"

#include <algorithm>
#include <cmath>

#include "data/random/philox.h"
#include "models/generation/logits_processors.h"
#include "tests/models/generation/processor_loops.h"
#include "tests/support/test.h"

namespace langzoo::generate_test {
namespace {

using Ids = std::vector<std::int32_t>;
constexpr std::int64_t kV = 12;

/// Logits of the token after `ids`: the last token decides most, every earlier one a little.
std::vector<float> logits_after(const Ids& ids) {
  std::uint32_t hash = 7;
  for (const auto id : ids) hash = hash * 31 + static_cast<std::uint32_t>(id);
  std::vector<float> logits(kV);
  for (std::int64_t v = 0; v < kV; ++v) {
    logits[v] = 2 * std::sin(1.7F * static_cast<float>(ids.back()) + static_cast<float>(v * v)) +
                static_cast<float>(philox_uniform(hash, v, 0, 0));
  }
  return logits;
}

/// Remembers each row's ids and checks how it is driven.
class FakeStep : public StepFunction {
 public:
  explicit FakeStep(const torch::Tensor& mask, std::int64_t capacity = 64) : mask_(mask), capacity_(capacity) {}

  torch::Tensor step(const torch::Tensor& ids) override {
    if (rows.empty()) {
      rows.resize(ids.size(0));
    } else if (ids.size(1) != 1) {
      throw std::logic_error("one token a step after the prompt");
    }
    if (ids.size(0) != static_cast<std::int64_t>(rows.size())) throw std::logic_error("rows lost");
    std::vector<torch::Tensor> logits;
    for (std::size_t b = 0; b < rows.size(); ++b) {
      for (std::int64_t t = 0; t < ids.size(1); ++t) {
        if (steps == 0 && !mask_[b][t].item<bool>()) continue;
        rows[b].push_back(ids[b][t].item<std::int32_t>());
      }
      logits.push_back(torch::tensor(logits_after(rows[b])));
    }
    ++steps;
    widths.push_back(rows.size());
    return torch::stack(logits);
  }
  void reorder(const torch::Tensor& index) override {
    std::vector<Ids> next;
    for (std::int64_t b = 0; b < index.size(0); ++b) next.push_back(rows[index[b].item<std::int64_t>()]);
    rows = next;
  }
  std::int64_t capacity() const override { return capacity_; }

  std::vector<Ids> rows;
  std::vector<std::size_t> widths;
  int steps = 0;

 private:
  torch::Tensor mask_;
  std::int64_t capacity_;
};

std::vector<Ids> run(const std::vector<Ids>& prompts, const GenerateOptions& options, const OnToken& on_token = {}) {
  const auto padded = pad_left(prompts, 3);
  FakeStep step(padded.mask);
  return generate(step, padded, options, on_token);
}

/// The same for one sequence, with loops only.
Ids oracle(Ids ids, const GenerateOptions& options, std::uint64_t sequence, std::uint32_t sample) {
  const auto& s = options.sampling;
  const auto prompt = ids;
  const auto prefix = options.prefixes.empty() ? Ids() : options.prefixes[sequence];
  Ids made;
  while (static_cast<std::int64_t>(made.size()) < options.max_new_tokens) {
    const auto raw = logits_after(ids);
    const auto logits = test::processed_by_loops({raw.begin(), raw.end()}, prompt, made, prefix, options);
    std::int32_t next = 0;
    if (s.is_greedy()) {
      next = static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    } else {
      std::vector<std::pair<double, std::int32_t>> order;
      for (std::int32_t v = 0; v < kV; ++v) order.emplace_back(-logits[v] / s.temperature, v);
      std::sort(order.begin(), order.end());
      if (s.top_k > 0) order.resize(std::min<std::size_t>(order.size(), s.top_k));
      double total = 0;
      for (const auto& [x, v] : order) total += std::exp(-x);
      double mass = 0;
      std::vector<double> kept(kV, 0.0);
      for (const auto& [x, v] : order) {
        if (mass < s.top_p * total) kept[v] = std::exp(-x);
        mass += std::exp(-x);
      }
      double rest = 0;
      for (const double p : kept) rest += p;
      rest *= philox_uniform(options.seed, sequence, sample, static_cast<std::uint32_t>(made.size()));
      while ((rest -= kept[next]) >= 0) ++next;
    }
    made.push_back(next);
    ids.push_back(next);
    if (std::find(options.eos_token_ids.begin(), options.eos_token_ids.end(), next) != options.eos_token_ids.end())
      break;
  }
  return made;
}

const std::vector<Ids> kPrompts = {{1, 2, 3}, {4}, {5, 6, 7, 8, 9, 3, 3}, {3, 0}, {11, 10, 11, 10}, {2, 2, 2, 2, 2}};

std::vector<GenerateOptions> settings() {
  std::vector<GenerateOptions> all(11);
  for (auto& o : all) o.max_new_tokens = 20, o.seed = 9, o.eos_token_ids = {1, 8};
  all[0].sampling.greedy = true;
  all[0].eos_token_ids = {};
  all[1].sampling.greedy = true;
  all[1].repetition_penalty = 1.4;
  all[1].no_repeat_ngram_size = 2;
  all[2].eos_token_ids = {};
  all[3].sampling.temperature = 0.7;
  all[3].sampling.top_k = 5;
  all[4].sampling.top_p = 0.8;
  all[4].min_new_tokens = 6;
  all[5].num_return_sequences = 3;
  all[5].no_repeat_ngram_size = 3;
  all[6].num_return_sequences = 2;
  all[6].sampling = {false, 1.3, 8, 0.9};
  all[6].repetition_penalty = 1.2;
  all[6].no_repeat_ngram_size = 2;
  all[7].bad_words_ids = {{5}, {1}, {3, 7}, {2, 2, 0}, {6, 6}, {9, 3, 3, 4}};
  all[7].begin_suppress_tokens = {0, 2, 4};
  all[7].num_return_sequences = 2;
  all[8].forced_bos_token_id = 6;
  all[8].begin_suppress_tokens = {0, 2, 4, 6, 8, 10};
  all[8].suppress_tokens = {9, 3};
  all[8].forced_eos_token_id = {8};
  all[8].max_new_tokens = 4;
  all[9].min_length = 10;
  all[9].repetition_penalty = 1.3;
  all[9].prefixes = {{}, {7}, {7, 4, 3}, {2}, {}, {3, 3}};
  all[9].num_return_sequences = 3;
  all[10].sampling.greedy = true;
  all[10].prefixes = all[9].prefixes;
  all[10].bad_words_ids = {{4}, {3, 3}};
  all[10].min_length = 7;
  return all;
}

TEST_CASE("batched generation equals the loop, one by one, for every setting") {
  int index = 0;
  for (const auto& options : settings()) {
    INFO("setting " << index++);
    const auto result = run(kPrompts, options);
    const auto samples = static_cast<std::size_t>(options.num_return_sequences);
    REQUIRE(result.size() == kPrompts.size() * samples);
    for (std::size_t row = 0; row < result.size(); ++row) {
      INFO("row " << row);
      CHECK(result[row] ==
            oracle(kPrompts[row / samples], options, row / samples, static_cast<std::uint32_t>(row % samples)));
    }
    CHECK(run(kPrompts, options) == result);
    for (std::size_t i = 0; i < kPrompts.size(); ++i) {
      auto alone = options;
      alone.first_sequence = i;
      if (!options.prefixes.empty()) alone.prefixes = {options.prefixes[i]};
      const auto begin = result.begin() + static_cast<std::ptrdiff_t>(i * samples);
      CHECK(run({kPrompts[i]}, alone) == std::vector<Ids>(begin, begin + static_cast<std::ptrdiff_t>(samples)));
    }
  }
}

TEST_CASE("the seed decides the samples") {
  GenerateOptions options;
  options.max_new_tokens = 30;
  options.seed = 1;
  const auto first = run({{4}, {4}}, options);
  CHECK(first[0] != first[1]);
  options.seed = 2;
  CHECK(run({{4}, {4}}, options) != first);
}

TEST_CASE("first tokens of many samples follow the model's probabilities") {
  GenerateOptions options;
  options.max_new_tokens = 1;
  options.num_return_sequences = 8000;
  std::vector<double> count(kV);
  for (const auto& ids : run({{4, 7}}, options)) ++count[ids.at(0)];
  const auto probability = torch::tensor(logits_after({4, 7})).softmax(0);
  double chi_square = 0;
  for (std::int64_t v = 0; v < kV; ++v) {
    const double expected = 8000 * probability[v].item<double>();
    chi_square += std::pow(count[v] - expected, 2) / expected;
  }
  CHECK(chi_square < 31.3);  // 11 degrees of freedom: exceeded with probability 0.001
}

TEST_CASE("finished rows are dropped, the prompt is read once") {
  const auto padded = pad_left(std::vector<Ids>{{4}, {5}, {6}, {7}}, 0);
  FakeStep step(padded.mask);
  GenerateOptions options;
  options.max_new_tokens = 5;
  options.sampling.greedy = true;
  std::vector<std::size_t> length(4);
  const auto result =
      generate(step, padded, options, [&](std::size_t row, std::int32_t) { return ++length[row] > row; });
  for (std::size_t row = 0; row < 4; ++row) CHECK(result[row].size() == row + 1);
  CHECK(step.widths == std::vector<std::size_t>{4, 3, 2, 1});
  CHECK(step.rows.size() == 1);
}

TEST_CASE("tokens are announced as they are made") {
  GenerateOptions options;
  options.max_new_tokens = 7;
  options.num_return_sequences = 2;
  std::vector<Ids> heard(4);
  const auto result = run({{1}, {2, 3}}, options, [&](std::size_t row, std::int32_t id) {
    heard[row].push_back(id);
    return false;
  });
  CHECK(heard == result);
}

TEST_CASE("the last token is not fed back: T + max_new_tokens - 1 places are enough") {
  const auto padded = pad_left(std::vector<Ids>{{1, 2, 3}}, 0);
  GenerateOptions options;
  options.max_new_tokens = 6;
  FakeStep enough(padded.mask, 8);
  CHECK(generate(enough, padded, options)[0].size() == 6);
  FakeStep tight(padded.mask, 7);
  CHECK_THROWS_WITH(generate(tight, padded, options),
                    "a prompt of 3 tokens and max_new_tokens 6 need a context of 8, the model's holds 7");
  FakeStep tiny(padded.mask, 2);
  CHECK_THROWS_WITH(generate(tiny, padded, options), "the prompt has 3 tokens, the model's context holds 2");
}

TEST_CASE("an exhausted vocabulary is an error") {
  GenerateOptions options;
  options.max_new_tokens = kV + 1;
  options.no_repeat_ngram_size = 1;
  CHECK_THROWS_WITH(run({{1}}, options), Catch::Contains("row 0 has no token to choose after 11 new ones"));
}

TEST_CASE("a row that has ended may exhaust the vocabulary while others go on") {
  GenerateOptions options;
  options.max_new_tokens = 8;
  options.sampling.greedy = true;
  options.no_repeat_ngram_size = 1;
  const std::vector<Ids> prompts = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {1}, {2}, {3}, {4}, {5}};
  const auto result = run(prompts, options, [](std::size_t row, std::int32_t) { return row == 0; });
  CHECK(result[0] == Ids{11});
  for (std::size_t b = 1; b < prompts.size(); ++b) CHECK(result[b] == oracle(prompts[b], options, b, 0));
}

TEST_CASE("what does not fit a batch of prompts is named") {
  GenerateOptions options;
  options.max_new_tokens = 4;
  options.prefixes = {{1}, {2}};
  CHECK_THROWS_WITH(run({{1}}, options), "prefixes: 2 for 1 sources");
  options.prefixes = {{}, {2}};
  options.forced_bos_token_id = 7;
  CHECK_THROWS_WITH(run({{1}, {3}}, options), "prefixes: that of source 1 begins with 2; forced_bos_token_id is 7");
  options.prefixes = {};
  options.suppress_tokens = {12};
  CHECK_THROWS_WITH(run({{1}}, options), "suppress_tokens: 12 is outside the model's vocabulary of 12");
}

/// Lets the tokens come that are as even as the last one, and checks what it is shown.
class SameParity : public LogitsProcessor {
 public:
  explicit SameParity(std::vector<Ids> prompts) : prompts_(std::move(prompts)) {}
  torch::Tensor process(const torch::Tensor& logits, const DecodingRows& rows) const override {
    auto result = logits.clone();
    REQUIRE(std::ssize(rows.sources) == logits.size(0));
    for (std::int64_t row = 0; row < logits.size(0); ++row) {
      const auto& prompt = prompts_[static_cast<std::size_t>(rows.sources[row])];
      CHECK(rows.prompt_lengths[rows.sources[row]] == std::ssize(prompt));
      Ids held;
      for (std::int64_t s = 0; s < rows.ids.size(1); ++s) {
        if (rows.mask[row][s].item<bool>()) held.push_back(rows.ids[row][s].item<std::int32_t>());
      }
      REQUIRE(std::ssize(held) == std::ssize(prompt) + rows.new_tokens);
      CHECK(std::equal(prompt.begin(), prompt.end(), held.begin()));
      CHECK(test::max_difference(rows.unprocessed[row], torch::tensor(logits_after(held))) == 0);
      for (std::int32_t v = 0; v < kV; ++v) {
        if ((v - held.back()) % 2 != 0) result[row][v] = -INFINITY;
      }
    }
    return result;
  }

 private:
  std::vector<Ids> prompts_;
};

TEST_CASE("a processor of the caller's own comes last and sees every row as it is") {
  GenerateOptions options;
  options.max_new_tokens = 9;
  options.num_return_sequences = 2;
  options.eos_token_ids = {1, 8};
  options.suppress_tokens = {4};
  options.processors = {std::make_shared<SameParity>(kPrompts)};
  const auto result = run(kPrompts, options);
  bool long_enough = false;
  for (std::size_t row = 0; row < result.size(); ++row) {
    auto last = kPrompts[row / 2].back();
    for (const auto id : result[row]) {
      CHECK((id - last) % 2 == 0);
      CHECK(id != 4);
      last = id;
    }
    long_enough = long_enough || result[row].size() > 3;
  }
  CHECK(long_enough);
}

class Narrow : public LogitsProcessor {
 public:
  torch::Tensor process(const torch::Tensor& logits, const DecodingRows&) const override {
    return logits.narrow(1, 0, 3);
  }
};

TEST_CASE("a processor that loses tokens is an error") {
  GenerateOptions options;
  options.max_new_tokens = 4;
  options.processors = {std::make_shared<Narrow>()};
  CHECK_THROWS_WITH(run({{1}}, options), "a logits processor's result is not shaped as the logits (1,12)");
}

TEST_CASE("prompts are padded on the left") {
  const auto padded = pad_left(std::vector<Ids>{{1, 2, 3}, {4}}, 9);
  CHECK(torch::equal(padded.ids, torch::tensor({{1, 2, 3}, {9, 9, 4}})));
  CHECK(torch::equal(padded.mask, torch::tensor({{1, 1, 1}, {0, 0, 1}}) != 0));
  CHECK_THROWS_WITH(pad_left(std::vector<Ids>{{1}, {}}, 0), "prompt 1 holds no token");
  CHECK_THROWS_AS(pad_left(std::vector<Ids>{}, 0), std::invalid_argument);
}

TEST_CASE("impossible generation options are named") {
  GenerateOptions options;
  options.max_new_tokens = 0;
  CHECK_THROWS_WITH(run({{1}}, options), "max_new_tokens is 0; it must be at least 1");
  options.max_new_tokens = 2;
  options.min_new_tokens = 3;
  CHECK_THROWS_WITH(run({{1}}, options), "min_new_tokens is 3; it must be between 0 and max_new_tokens");
  options.min_new_tokens = 0;
  options.num_return_sequences = 0;
  CHECK_THROWS_WITH(run({{1}}, options), "num_return_sequences is 0; it must be at least 1");
}

}  // namespace
}  // namespace langzoo::generate_test
