#include "models/generation/beam_search.h"

#include <algorithm>
#include <map>

#include "models/generation/exhaustive_search.h"
#include "models/generation/logits_processors.h"
#include "tests/models/generation/hashed_step.h"
#include "tests/models/generation/processor_loops.h"
#include "tests/support/test.h"

namespace langzoo::beam_search_test {
namespace {

using test::HashedStep;
using test::Ids;

constexpr std::int64_t kV = 30;
const std::vector<Ids> kPrompts = {{1, 2, 3}, {4}, {5, 6, 7, 8, 9, 3, 3}, {3, 0}, {11, 10, 11, 10}, {2, 2, 2, 2, 2}};
const std::vector<std::int64_t> kSourceLengths = {4, 1, 7, 5, 2, 6};

using NBest = std::vector<std::vector<Hypothesis>>;

NBest run(const std::vector<Ids>& prompts, const std::vector<std::int64_t>& source_lengths, BeamSearchOptions options,
          std::int64_t vocabulary = kV) {
  const auto padded = pad_left(prompts, 3);
  HashedStep step(padded.mask, vocabulary, options.coverage_penalty > 0 ? source_lengths : std::vector<std::int64_t>());
  if (options.coverage_penalty > 0) {
    const auto lengths = torch::tensor(source_lengths);
    options.source_mask = torch::arange(lengths.max().item<std::int64_t>()).unsqueeze(0) < lengths.unsqueeze(1);
  }
  return beam_search(step, padded, options);
}

void check_same(const std::vector<Hypothesis>& mine, const std::vector<Hypothesis>& expected) {
  REQUIRE(mine.size() == expected.size());
  for (std::size_t i = 0; i < mine.size(); ++i) {
    CHECK(mine[i].ids == expected[i].ids);
    CHECK(mine[i].score == Approx(expected[i].score).epsilon(1e-5));
    CHECK(mine[i].log_probability == Approx(expected[i].log_probability).epsilon(1e-5));
  }
}

/// The same for one source with plain loops, in double precision. Beams are whole sequences. The papers' rules here
/// know no stopping rule but early_stopping: all beams are followed to their end.
class Oracle {
 public:
  Oracle(Ids prompt, std::int64_t source_length, Ids prefix, const BeamSearchOptions& options)
      : prompt_(std::move(prompt)), source_length_(source_length), prefix_(std::move(prefix)), o_(options) {}

  std::vector<Hypothesis> search() {
    const auto groups = static_cast<std::size_t>(o_.num_beam_groups);
    std::vector<std::vector<Hypothesis>> beams(groups, {{}}), complete(groups);
    for (auto& b : beams) b.assign(1, Hypothesis{});
    std::vector<bool> done(groups);
    for (std::int64_t length = 1; length <= o_.max_new_tokens; ++length) {
      std::map<std::int32_t, int> chosen;
      for (std::size_t g = 0; g < groups; ++g) {
        if (done[g]) continue;
        advance(beams[g], complete[g], chosen, length);
        for (const auto& beam : beams[g]) ++chosen[beam.ids.back()];
        done[g] = beams[g].empty() || stops(beams[g], complete[g], length);
      }
    }
    std::vector<Hypothesis> result;
    for (const auto& c : complete) result.insert(result.end(), c.begin(), c.end());
    by_score(result, static_cast<std::size_t>(o_.num_return_sequences));
    return result;
  }

 private:
  static void by_score(std::vector<Hypothesis>& h, std::size_t most) {
    std::stable_sort(h.begin(), h.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    if (h.size() > most) h.resize(most);
  }
  std::size_t width() const { return static_cast<std::size_t>(o_.num_beams / o_.num_beam_groups); }
  std::size_t capacity() const {
    return static_cast<std::size_t>(std::ceil(static_cast<double>(width()) * o_.patience));
  }
  bool is_end(std::int32_t id) const { return std::count(o_.eos_token_ids.begin(), o_.eos_token_ids.end(), id) > 0; }
  double normalized(double log_probability, std::int64_t length) const {
    const auto n = static_cast<double>(length);
    const double base = o_.length_normalization == LengthNormalization::kGnmt ? (5 + n) / 6 : n;
    return log_probability / std::pow(base, o_.length_penalty);
  }
  double coverage(const Ids& ids) const {
    if (o_.coverage_penalty == 0) return 0;
    std::vector<double> sum(source_length_);
    for (std::size_t t = 0; t < ids.size(); ++t) {
      Ids held = prompt_;
      held.insert(held.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(t));
      const auto attention = test::hashed_attention(held, source_length_);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += attention[i];
    }
    double cp = 0;
    for (const double s : sum) cp += std::log(std::min(s, 1.0));
    return o_.coverage_penalty * cp;
  }
  /// One beam is transformers' greedy search.
  bool greedy() const { return o_.num_beams == 1 && o_.rules == BeamRules::kHuggingFace; }
  std::vector<double> log_probabilities(const Ids& made, bool normalized = true) const {
    Ids ids = prompt_;
    ids.insert(ids.end(), made.begin(), made.end());
    const auto logits = test::hashed_logits(ids, kV);
    double total = 0;
    for (const double x : logits) total += std::exp(x);
    std::vector<double> p(logits.begin(), logits.end());
    for (auto& x : p) x -= normalized ? std::log(total) : 0;
    return test::processed_by_loops(p, prompt_, made, prefix_, o_);
  }
  void advance(std::vector<Hypothesis>& beams, std::vector<Hypothesis>& complete,
               const std::map<std::int32_t, int>& chosen, std::int64_t length) const {
    std::vector<Hypothesis> candidates;
    for (const auto& beam : beams) {
      const auto p = log_probabilities(beam.ids), logits = log_probabilities(beam.ids, false);
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      for (std::int32_t v = 0; v < kV; ++v) {
        if (p[v] == -INFINITY || (greedy() && v != best)) continue;
        auto longer = beam;
        longer.ids.push_back(v);
        longer.log_probability += p[v];
        const auto count = chosen.find(v);
        if (count != chosen.end()) longer.log_probability -= o_.diversity_penalty * count->second;
        candidates.push_back(longer);
      }
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const auto& a, const auto& b) { return a.log_probability > b.log_probability; });
    candidates.resize(std::min(candidates.size(), width() * (1 + std::max<std::size_t>(1, o_.eos_token_ids.size()))));
    const bool closed = o_.early_stopping == EarlyStopping::kTrue && complete.size() >= capacity();
    const bool papers = o_.rules == BeamRules::kPapers;
    beams.clear();
    std::vector<Hypothesis> ended;
    for (std::size_t rank = 0; rank < candidates.size(); ++rank) {
      auto& c = candidates[rank];
      if (length < o_.max_new_tokens && !is_end(c.ids.back())) {
        if (beams.size() < width()) beams.push_back(c);
      } else if ((papers || rank < width()) && !closed) {
        c.score = normalized(c.log_probability, length) + coverage(c.ids);
        complete.push_back(c);
      }
    }
    by_score(complete, capacity());
  }
  bool stops(const std::vector<Hypothesis>& beams, const std::vector<Hypothesis>& complete, std::int64_t length) const {
    if (complete.size() < capacity()) return false;
    if (o_.early_stopping == EarlyStopping::kTrue) return true;
    if (o_.rules == BeamRules::kPapers) return false;
    const bool never = o_.early_stopping == EarlyStopping::kNever && o_.length_penalty > 0;
    return normalized(beams[0].log_probability, never ? o_.max_new_tokens : length) <= complete.back().score;
  }

  Ids prompt_;
  std::int64_t source_length_;
  Ids prefix_;
  const BeamSearchOptions& o_;
};

/// Random settings, every option in play.
class Settings {
 public:
  explicit Settings(std::uint64_t seed) : seed_(seed) {}

  BeamSearchOptions next() {
    BeamSearchOptions o;
    const auto width = pick<std::int64_t>({1, 2, 3, 4});
    o.num_beam_groups = pick<std::int64_t>({1, 1, 1, 2, 3});
    o.num_beams = width * o.num_beam_groups;
    o.diversity_penalty = o.num_beam_groups > 1 ? pick<double>({0, 0.5, 2}) : 0;
    o.max_new_tokens = pick<std::int64_t>({1, 2, 5, 9, 12});
    o.min_new_tokens = pick<std::int64_t>({0, 0, o.max_new_tokens / 2});
    o.eos_token_ids = pick<Ids>({{}, {1}, {1, 8}, {0, 5, 9}});
    o.repetition_penalty = pick<double>({1, 1, 1.4, 0.7});
    o.no_repeat_ngram_size = pick<std::int64_t>({0, 0, 1, 2, 3});
    o.rules = pick<BeamRules>({BeamRules::kHuggingFace, BeamRules::kPapers});
    o.length_penalty = pick<double>({1, 0, 0.6, 2, -0.8});
    o.early_stopping = pick<EarlyStopping>({EarlyStopping::kFalse, EarlyStopping::kTrue});
    if (o.rules == BeamRules::kPapers) {
      o.length_normalization = pick<LengthNormalization>({LengthNormalization::kAverage, LengthNormalization::kGnmt});
      o.coverage_penalty = pick<double>({0, 0.2, 1});
    } else {
      o.early_stopping = pick<EarlyStopping>({o.early_stopping, EarlyStopping::kNever});
    }
    if (o.early_stopping == EarlyStopping::kTrue) o.patience = pick<double>({1, 1, 2, 0.5});
    const auto kept = static_cast<std::int64_t>(std::ceil(static_cast<double>(width) * o.patience)) * o.num_beam_groups;
    o.num_return_sequences = pick<std::int64_t>({1, std::min(kept, o.num_beams)});
    if (pick<int>({0, 0, 1}) == 1) {
      o.prefixes = {{}, {7}, {7, 4, 3}, {2}, {}, {3, 3}};
      for (auto& prefix : o.prefixes) prefix.resize(std::min<std::size_t>(prefix.size(), o.max_new_tokens));
    }
    return o;
  }

  BeamSearchOptions next_with_processors() {
    auto o = next();
    // The oracle follows a group to its end, and so its choices push later groups away longer.
    if (o.rules == BeamRules::kPapers && o.early_stopping == EarlyStopping::kFalse) o.diversity_penalty = 0;
    o.bad_words_ids = pick<std::vector<Ids>>({{}, {{5}, {1}, {3, 7}, {2, 2, 0}}, {{9, 3, 3, 4}, {4}, {0, 11}}});
    o.min_length = pick<std::int64_t>({0, 0, 6});
    o.suppress_tokens = pick<Ids>({{}, {}, {10, 20, 29}});
    o.begin_suppress_tokens = pick<Ids>({{}, {}, {0, 5, 11, 12, 13, 14, 15, 16}});
    if (pick<int>({0, 1}) == 1 && (o.prefixes.empty() || o.prefixes[1].empty())) o.forced_bos_token_id = 6;
    if (pick<int>({0, 0, 1}) == 1) {
      o.forced_eos_token_id = pick<Ids>({{9}, {1}});
      const auto most = static_cast<std::size_t>(o.max_new_tokens - 1);
      for (auto& prefix : o.prefixes) prefix.resize(std::min(prefix.size(), most));
    }
    return o;
  }

 private:
  template <typename T>
  T pick(const std::vector<T>& values) {
    return values[static_cast<std::size_t>(philox_uniform(seed_, drawn_++, 0, 0) * static_cast<double>(values.size()))];
  }
  std::uint64_t seed_, drawn_ = 0;
};

TEST_CASE("beam search equals plain loops over one source at a time, in random settings") {
  const bool with_processors = GENERATE(false, true);
  Settings settings(5);
  for (int trial = 0; trial < 300; ++trial) {
    const auto options = with_processors ? settings.next_with_processors() : settings.next();
    INFO("trial " << trial << (with_processors ? " with processors" : ""));
    const auto mine = run(kPrompts, kSourceLengths, options);
    REQUIRE(mine.size() == kPrompts.size());
    for (std::size_t b = 0; b < kPrompts.size(); ++b) {
      INFO("source " << b);
      const auto prefix = options.prefixes.empty() ? Ids() : options.prefixes[b];
      check_same(mine[b], Oracle(kPrompts[b], kSourceLengths[b], prefix, options).search());
    }
  }
}

TEST_CASE("a source's hypotheses do not depend on its batch, its padding or the order") {
  Settings settings(6);
  for (int trial = 0; trial < 40; ++trial) {
    auto options = settings.next();
    const auto prefixes = options.prefixes;
    const auto together = run(kPrompts, kSourceLengths, options);
    auto prompts = kPrompts;
    auto lengths = kSourceLengths;
    std::reverse(prompts.begin(), prompts.end());
    std::reverse(lengths.begin(), lengths.end());
    std::reverse(options.prefixes.begin(), options.prefixes.end());
    const auto reversed = run(prompts, lengths, options);
    for (std::size_t b = 0; b < kPrompts.size(); ++b) {
      auto alone = options;
      if (!prefixes.empty()) alone.prefixes = {prefixes[b]};
      check_same(run({kPrompts[b]}, {kSourceLengths[b]}, alone)[0], together[b]);
      check_same(reversed[kPrompts.size() - 1 - b], together[b]);
    }
  }
}

TEST_CASE("one beam is greedy search") {
  for (const std::int64_t n : {0, 2}) {
    BeamSearchOptions options;
    options.num_beams = 1;
    options.repetition_penalty = n == 0 ? 1.7 : 1.0;
    options.max_new_tokens = 15;
    options.min_new_tokens = 3;
    options.no_repeat_ngram_size = n;
    options.eos_token_ids = {1, 8};
    GenerateOptions greedy;
    greedy.max_new_tokens = 15;
    greedy.min_new_tokens = 3;
    greedy.sampling.greedy = true;
    greedy.no_repeat_ngram_size = n;
    greedy.repetition_penalty = options.repetition_penalty;
    greedy.eos_token_ids = {1, 8};
    const auto padded = pad_left(kPrompts, 3);
    HashedStep step(padded.mask, kV);
    const auto expected = generate(step, padded, greedy);
    for (const auto stopping : {EarlyStopping::kFalse, EarlyStopping::kTrue, EarlyStopping::kNever}) {
      for (const double alpha : {0.0, 1.0, 3.0, -1.0}) {
        options.length_penalty = alpha;
        options.early_stopping = stopping;
        const auto mine = run(kPrompts, {}, options);
        for (std::size_t b = 0; b < kPrompts.size(); ++b) CHECK(mine[b][0].ids == expected[b]);
      }
    }
  }
}

TEST_CASE("with a beam for every sequence nothing is missed") {
  constexpr std::int64_t kSmall = 4, kLength = 4;
  const std::vector<Ids> prompts = {{1, 2}, {3}, {0, 0, 1}};
  for (const auto rules : {BeamRules::kHuggingFace, BeamRules::kPapers}) {
    for (const double alpha : {1.0, 0.0, 3.0, -1.0}) {
      BeamSearchOptions options;
      options.rules = rules;
      options.length_penalty = alpha;
      if (rules == BeamRules::kPapers) options.length_normalization = LengthNormalization::kGnmt;
      options.num_beams = kSmall * kSmall * kSmall * kSmall;
      options.num_return_sequences = 20;
      options.max_new_tokens = kLength;
      options.eos_token_ids = {2};
      const auto padded = pad_left(prompts, 0);
      HashedStep step(padded.mask, kSmall);
      const auto expected = exhaustive_search(step, padded, options);
      const auto mine = run(prompts, {}, options, kSmall);
      for (std::size_t b = 0; b < prompts.size(); ++b) check_same(mine[b], expected[b]);
    }
  }
}

TEST_CASE("a length penalty of 0 is the log-probability") {
  BeamSearchOptions options;
  options.length_penalty = 0;
  options.num_return_sequences = 4;
  options.max_new_tokens = 9;
  options.eos_token_ids = {1, 8};
  for (const auto rules : {BeamRules::kHuggingFace, BeamRules::kPapers}) {
    options.rules = rules;
    for (const auto& hypotheses : run(kPrompts, {}, options)) {
      for (const auto& h : hypotheses) CHECK(h.score == h.log_probability);
    }
  }
}

TEST_CASE("sources leave when they are done, and rows are made as beams need them") {
  const auto padded = pad_left(kPrompts, 3);
  HashedStep step(padded.mask, kV);
  BeamSearchOptions options;
  options.num_beams = 3;
  options.max_new_tokens = 40;
  options.eos_token_ids = {1, 8, 9, 10};
  options.early_stopping = EarlyStopping::kTrue;
  options.prefixes = {{5}, {6}, {7}, {5}, {5}, {5}};
  beam_search(step, padded, options);
  REQUIRE(step.widths.size() > 3);
  CHECK(step.widths[0] == 6);  // the prompts
  CHECK(step.widths[1] == 6);  // one forced token each
  CHECK(step.widths[2] == 18);
  CHECK(std::is_sorted(step.widths.rbegin(), step.widths.rend() - 2));
  CHECK(step.widths.back() < 18);
}

/// The same logits whatever happens.
class ConstantStep : public StepFunction {
 public:
  explicit ConstantStep(const torch::Tensor& logits) : logits_(logits) {}
  torch::Tensor step(const torch::Tensor& ids) override { return logits_.expand({ids.size(0), -1}); }
  void reorder(const torch::Tensor&) override {}
  std::int64_t capacity() const override { return 16; }

 private:
  torch::Tensor logits_;
};

std::vector<Hypothesis> run_constant(const torch::Tensor& logits, const BeamSearchOptions& options) {
  ConstantStep step(logits);
  return beam_search(step, pad_left(std::vector<Ids>{{0, 1}}, 0), options)[0];
}

TEST_CASE("a large vocabulary is searched to its last token") {
  for (const std::int64_t vocabulary : {5000, 5001, 5063}) {
    auto logits = torch::rand({vocabulary});
    logits[vocabulary - 1] = 9;
    logits[0] = 8;
    logits[64] = 8.5;
    logits[65] = 7;
    BeamSearchOptions options;
    options.max_new_tokens = 1;
    options.num_return_sequences = 4;
    std::vector<std::int32_t> first;
    for (const auto& h : run_constant(logits, options)) first.push_back(h.ids[0]);
    CHECK(first == Ids{static_cast<std::int32_t>(vocabulary) - 1, 64, 0, 65});
  }
}

TEST_CASE("beams without number cost no more than there are sequences") {
  BeamSearchOptions options;
  options.num_beams = options.num_return_sequences = 1 << 30;
  options.max_new_tokens = 3;
  options.eos_token_ids = {1};
  CHECK(run_constant(torch::rand({3}), options).size() == 1 + 2 * (1 + 2 * 3));
}

TEST_CASE("no number, nothing to choose, no room: errors") {
  BeamSearchOptions options;
  options.max_new_tokens = 5;
  const auto nan = torch::tensor({0.F, NAN, 1.F}), inf = torch::tensor({0.F, INFINITY, 1.F});
  const auto none = torch::full({3}, -INFINITY);
  for (const auto& logits : {nan, inf, none}) {
    CHECK_THROWS_WITH(run_constant(logits, options),
                      Catch::Contains("source 0 has no token to choose after 0 new ones"));
  }
  options.no_repeat_ngram_size = 1;
  CHECK_THROWS_WITH(run_constant(torch::rand({4}), options), Catch::Contains("no token to choose after 2 new ones"));
  options.no_repeat_ngram_size = 0;
  options.bad_words_ids = {{0, 1, 0}, {0, 1, 1}, {0, 1, 2}, {0, 1, 3}};
  CHECK_THROWS_WITH(run_constant(torch::rand({4}), options), Catch::Contains("no token to choose after 0 new ones"));
  options.bad_words_ids = {};
  options.max_new_tokens = 16;
  CHECK_THROWS_WITH(run_constant(torch::rand({4}), options),
                    "a prompt of 2 tokens and max_new_tokens 16 need a context of 17, the model's holds 16");
  options.max_new_tokens = 2;
  options.prefixes = {{7}};
  CHECK_THROWS_WITH(run_constant(torch::rand({4}), options), "prefixes: 7 is outside the model's vocabulary of 4");
  options.prefixes = {{1}, {1}};
  CHECK_THROWS_WITH(run_constant(torch::rand({4}), options), "prefixes: 2 for 1 sources");
  options.prefixes = {};
  options.rules = BeamRules::kPapers;
  options.coverage_penalty = 0.2;
  CHECK_THROWS_WITH(run_constant(torch::rand({4}), options),
                    "coverage_penalty: the model has no attention over a source");
}

TEST_CASE("an end token beyond the vocabulary is never met") {
  BeamSearchOptions options;
  options.max_new_tokens = 6;
  options.num_return_sequences = 4;
  const auto without = run(kPrompts, kSourceLengths, options);
  options.eos_token_ids = {50256};
  options.min_new_tokens = 3;
  const auto beyond = run(kPrompts, kSourceLengths, options);
  for (std::size_t b = 0; b < without.size(); ++b) check_same(beyond[b], without[b]);
}

TEST_CASE("a hypothesis that the caller calls complete ends as one with an end token") {
  constexpr std::int32_t kEnd = 7;
  for (const auto rules : {BeamRules::kHuggingFace, BeamRules::kPapers}) {
    for (const auto stopping : {EarlyStopping::kFalse, EarlyStopping::kTrue}) {
      BeamSearchOptions options;
      options.rules = rules;
      options.early_stopping = stopping;
      options.max_new_tokens = 12;
      options.num_return_sequences = 4;
      options.eos_token_ids = {kEnd};
      const auto by_token = run(kPrompts, kSourceLengths, options);
      options.eos_token_ids = {};
      options.is_complete = [](std::span<const std::int32_t> ids) { return ids.back() == kEnd; };
      const auto by_caller = run(kPrompts, kSourceLengths, options);
      bool ended = false;
      for (std::size_t b = 0; b < by_token.size(); ++b) {
        check_same(by_caller[b], by_token[b]);
        for (const auto& h : by_caller[b]) ended = ended || (h.ids.size() < 12 && h.ids.back() == kEnd);
      }
      CHECK(ended);
    }
  }
}

TEST_CASE("the source that nothing is left for is named") {
  BeamSearchOptions options;
  options.max_new_tokens = 5;
  for (std::int32_t v = 0; v < 4; ++v) options.bad_words_ids.push_back({2, v});
  const auto search = [&](const std::vector<Ids>& prompts) {
    ConstantStep step(torch::rand({4}));
    return beam_search(step, pad_left(prompts, 0), options);
  };
  CHECK_THROWS_WITH(search({{0}, {1}, {3, 2}, {1}}),
                    Catch::Contains("source 2 has no token to choose after 0 new ones"));
  CHECK(search({{0}, {1}}).size() == 2);  // 2 leads nowhere, and other beams live
}

/// Forbids the last token to come again, and checks what it is shown.
class NoDouble : public LogitsProcessor {
 public:
  torch::Tensor process(const torch::Tensor& logits, const DecodingRows& rows) const override {
    auto result = logits.clone();
    for (std::int64_t row = 0; row < logits.size(0); ++row) {
      const auto& prompt = kPrompts[static_cast<std::size_t>(rows.sources[row])];
      CHECK(rows.prompt_lengths[rows.sources[row]] == std::ssize(prompt));
      Ids held;
      for (std::int64_t s = 0; s < rows.ids.size(1); ++s) {
        if (rows.mask[row][s].item<bool>()) held.push_back(rows.ids[row][s].item<std::int32_t>());
      }
      REQUIRE(std::ssize(held) == std::ssize(prompt) + rows.new_tokens);
      CHECK(std::equal(prompt.begin(), prompt.end(), held.begin()));
      const auto expected = torch::tensor(test::hashed_logits(held, kV)).log_softmax(0);
      CHECK(test::max_difference(rows.unprocessed[row], expected) < 1e-5);
      result[row][held.back()] = -INFINITY;
    }
    return result;
  }
};

TEST_CASE("a processor of the caller's own sees every beam as it is") {
  BeamSearchOptions options;
  options.max_new_tokens = 9;
  options.num_return_sequences = 4;
  options.eos_token_ids = {1, 8};
  options.processors = {std::make_shared<NoDouble>()};
  const auto result = run(kPrompts, {}, options);
  for (std::size_t b = 0; b < result.size(); ++b) {
    for (const auto& hypothesis : result[b]) {
      auto last = kPrompts[b].back();
      for (const auto id : hypothesis.ids) {
        CHECK(id != last);
        last = id;
      }
    }
  }
}

TEST_CASE("beam options that cannot be are named") {
  const auto message = [](auto&& change) -> std::string {
    BeamSearchOptions options;
    change(options);
    try {
      options.validate();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  using O = BeamSearchOptions;
  CHECK(message([](O&) {}).empty());
  CHECK(message([](O& o) { o.num_beams = 0; }) == "num_beams is 0; it must be at least 1");
  CHECK(message([](O& o) { o.num_return_sequences = 5; }) ==
        "num_return_sequences is 5; it must be between 1 and num_beams");
  CHECK(message([](O& o) { o.max_new_tokens = 0; }).find("max_new_tokens is 0") == 0);
  CHECK(message([](O& o) { o.min_new_tokens = 129; }).find("min_new_tokens is 129") == 0);
  CHECK(message([](O& o) { o.eos_token_ids = {-1}; }).find("eos_token_id is -1") == 0);
  CHECK(message([](O& o) { o.repetition_penalty = 0; }).find("repetition_penalty is 0") == 0);
  CHECK(message([](O& o) { o.no_repeat_ngram_size = -1; }).find("no_repeat_ngram_size is -1") == 0);
  CHECK(message([](O& o) { o.length_penalty = NAN; }).find("length_penalty is nan") == 0);
  CHECK(message([](O& o) { o.coverage_penalty = 0.2; }) ==
        "coverage_penalty is 0.2; it must be 0 under Hugging Face's rules");
  CHECK(message([](O& o) { o.length_normalization = LengthNormalization::kGnmt; }).find("length_normalization is") ==
        0);
  CHECK(message([](O& o) {
          o.rules = BeamRules::kPapers, o.early_stopping = EarlyStopping::kNever;
        }).find("early_stopping is never") == 0);
  CHECK(message([](O& o) { o.patience = 2; }) == "patience is 2; it must be 1 unless early_stopping is true");
  CHECK(message([](O& o) { o.patience = 0.5, o.early_stopping = EarlyStopping::kTrue, o.num_return_sequences = 3; }) ==
        "num_return_sequences is 3; it must be at most num_beams * patience");
  CHECK(message([](O& o) { o.num_beam_groups = 3; }) == "num_beam_groups is 3; it must be a divisor of num_beams");
  CHECK(message([](O& o) { o.diversity_penalty = 1; }).find("diversity_penalty is 1") == 0);
  CHECK(message([](O& o) {
          o.max_new_tokens = 1, o.prefixes = {{}, {1, 2}};
        }) == "prefixes: that of source 1 has 2 tokens; max_new_tokens is 1");
  CHECK(message([](O& o) { o.eos_token_ids = {3}, o.prefixes = {{3}}; }) ==
        "prefixes: that of source 0 holds 3, which is an end token");
}

}  // namespace
}  // namespace langzoo::beam_search_test
