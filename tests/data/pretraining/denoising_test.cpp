#include "tests/support/test.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "data/pretraining/denoising.h"
#include "data/pretraining/denoising_dataset.h"
#include "tests/data/byte_tokenizer.h"

namespace langzoo::denoising_test {
namespace {

using Ids = std::vector<std::int64_t>;

/// 1000, 1001, ...
Ids text_of(std::int64_t length) {
  Ids ids(static_cast<std::size_t>(length));
  std::iota(ids.begin(), ids.end(), 1000);
  return ids;
}

/// 99, 98, ...: as T5's, the first has the largest id.
Ids sentinels_down(std::int64_t count) {
  Ids ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back(99 - i);
  return ids;
}

bool is_sentinel(std::int64_t id) {
  return id < 1000;
}

/// The text that inputs and targets are of: each sentinel of the inputs stands for what follows it in the targets.
Ids put_together(const DenoisingPair& pair) {
  std::map<std::int64_t, Ids> spans;
  std::int64_t sentinel = -1;
  for (const auto id : pair.targets) {
    if (is_sentinel(id)) {
      sentinel = id;
    } else {
      spans[sentinel].push_back(id);
    }
  }
  Ids text;
  for (const auto id : pair.inputs) {
    if (is_sentinel(id)) {
      text.insert(text.end(), spans[id].begin(), spans[id].end());
    } else {
      text.push_back(id);
    }
  }
  return text;
}

/// Whether `count` of `n` is as likely as chance makes one in 30,000 cases not.
bool plausible(double count, double n, double p) {
  return std::abs(count - n * p) < 4 * std::sqrt(n * p * (1 - p)) + 1e-9;
}

/// The bytes, and T5's special tokens behind them.
class SentinelTokenizer : public test::ByteTokenizer {
 public:
  explicit SentinelTokenizer(std::int64_t sentinels) : sentinels_(sentinels) {}
  std::size_t vocab_size() const override { return 256 + static_cast<std::size_t>(sentinels_); }
  std::optional<TokenId> token_to_id(std::string_view token) const override {
    for (std::int64_t i = 0; i < sentinels_; ++i)
      if (token == "<extra_id_" + std::to_string(i) + ">") return static_cast<TokenId>(256 + i);
    return std::nullopt;
  }

 private:
  std::int64_t sentinels_;
};

}  // namespace

TEST_CASE("corrupted lengths are the paper's: 568 tokens become 512 and 114") {
  const auto lengths = [](std::int64_t tokens, const SpanCorruptionOptions& options = {}) {
    const auto [inputs, targets] = corrupted_lengths(tokens, options);
    return std::pair(inputs, targets);
  };
  CHECK(lengths(568) == std::pair<std::int64_t, std::int64_t>(512, 114));
  CHECK(lengths(284) == std::pair<std::int64_t, std::int64_t>(256, 58));
  CHECK(lengths(141) == std::pair<std::int64_t, std::int64_t>(128, 29));
  CHECK(lengths(70) == std::pair<std::int64_t, std::int64_t>(64, 14));
  for (const auto& [inputs, tokens] :
       {std::pair(512, 568), std::pair(256, 284), std::pair(128, 141), std::pair(64, 70)})
    CHECK(tokens_for_inputs(inputs, {}) == tokens);
  // Halves to even, as Python rounds: 30 * 0.15 = 4.5, 5 / 2 = 2.5.
  CHECK(noise_counts(30, {}).noise == 4);
  CHECK(noise_counts(10, {.noise_density = 0.5, .mean_noise_span_length = 2}).spans == 2);
  CHECK(noise_counts(1, {}).noise == 0);
  CHECK(noise_counts(2, {}).noise == 1);
  CHECK(noise_counts(10, {.noise_density = 0.99}).noise == 9);
  CHECK(noise_counts(10, {.noise_density = 0.9, .mean_noise_span_length = 1}).spans == 1);  // one token is kept
  CHECK_THROWS_WITH(tokens_for_inputs(2, {}), Catch::Contains("inputs of 2 tokens"));
  for (std::int64_t inputs = 3; inputs < 700; ++inputs) {
    const auto tokens = tokens_for_inputs(inputs, {});
    REQUIRE(corrupted_lengths(tokens, {}).inputs <= inputs);
    REQUIRE(corrupted_lengths(tokens + 1, {}).inputs > inputs);
  }
}

TEST_CASE("span corruption cuts out spans, each once and in order, and is a function of its seed") {
  const auto sentinels = sentinels_down(100);
  for (const std::int64_t length : {1, 2, 3, 7, 20, 64, 133, 500}) {
    for (const SpanCorruptionOptions options : {SpanCorruptionOptions(), SpanCorruptionOptions{0.5, 1.5}}) {
      if (noise_counts(length, options).spans > 100) continue;
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Random random(seed), again(seed);
        const auto ids = text_of(length);
        const auto pair = corrupt_spans(ids, sentinels, options, random);
        CAPTURE(length, seed);
        const auto same = corrupt_spans(ids, sentinels, options, again);
        REQUIRE(pair.inputs == same.inputs);
        REQUIRE(pair.targets == same.targets);
        REQUIRE(put_together(pair) == ids);
        if (length == 1) continue;
        const auto expected = corrupted_lengths(length, options);
        REQUIRE(std::ssize(pair.inputs) + 1 == expected.inputs);
        REQUIRE(std::ssize(pair.targets) + 1 == expected.targets);
        // The text begins with what is kept and ends with what is not; no sentinel closes the targets.
        REQUIRE(pair.inputs.front() == ids.front());
        REQUIRE(is_sentinel(pair.inputs.back()));
        REQUIRE(pair.targets.front() == sentinels[0]);
        REQUIRE(pair.targets.back() == ids.back());
      }
    }
  }
  // What T5's and transformers' code make of a single token.
  Random random(1);
  const auto single = corrupt_spans(text_of(1), sentinels, {}, random);
  CHECK(single.inputs == Ids{1000});
  CHECK(single.targets == Ids{99});
  const auto marked = replace_spans(text_of(6), std::vector<std::uint8_t>{0, 0, 1, 1, 0, 1}, sentinels);
  CHECK(marked.inputs == Ids{1000, 1001, 99, 1004, 98});
  CHECK(marked.targets == Ids{99, 1002, 1003, 98, 1005});
  CHECK_THROWS_WITH(corrupt_spans(text_of(500), sentinels_down(3), {}, random),
                    "a text of 500 tokens needs more sentinels than the 3 there are");
}

TEST_CASE("noise is spread evenly, and every way to cut it into spans is as likely") {
  // 12 tokens, 4 of noise in 2 spans, 8 kept in 2: 3 * 7 masks.
  const SpanCorruptionOptions options{.noise_density = 4.0 / 12, .mean_noise_span_length = 2};
  std::map<std::vector<std::uint8_t>, double> counts;
  constexpr int kDraws = 21000;
  Random random(3);
  for (int i = 0; i < kDraws; ++i) ++counts[noise_mask(12, options, random)];
  CHECK(counts.size() == 21);
  double chi_square = 0;
  for (const auto& [mask, count] : counts) {
    CHECK(mask.front() == 0);
    CHECK(mask.back() == 1);
    CHECK(std::count(mask.begin(), mask.end(), 1) == 4);
    CHECK(plausible(count, kDraws, 1.0 / 21));
    chi_square += (count - 1000) * (count - 1000) / 1000;
  }
  CHECK(chi_square < 50);  // 20 degrees of freedom: beyond it once in 4,000

  // Of a long text the share is the density, and spans have the mean length.
  double noise = 0, spans = 0;
  constexpr std::int64_t kLength = 512;
  constexpr int kTexts = 200;
  std::vector<double> at(kLength, 0);
  for (int i = 0; i < kTexts; ++i) {
    const auto mask = noise_mask(kLength, {}, random);
    for (std::size_t k = 0; k < mask.size(); ++k) {
      noise += mask[k], at[k] += mask[k];
      spans += mask[k] == 1 && mask[k - 1] == 0;
    }
  }
  CHECK(noise / kTexts == 77);
  CHECK(spans / kTexts == 26);
  for (std::size_t begin = 64; begin + 64 < at.size(); begin += 64) {
    const double share = std::accumulate(at.begin() + static_cast<std::ptrdiff_t>(begin),
                                         at.begin() + static_cast<std::ptrdiff_t>(begin + 64), 0.0) /
                         (64 * kTexts);
    CHECK(share == Approx(0.15).margin(0.02));
  }
}

TEST_CASE("prefixes, masked and shuffled texts") {
  Random random(5);
  const auto ids = text_of(20);
  std::set<std::size_t> cuts;
  for (int i = 0; i < 500; ++i) {
    const auto [inputs, targets] = split_prefix(ids, random);
    auto whole = inputs;
    whole.insert(whole.end(), targets.begin(), targets.end());
    REQUIRE(whole == ids);
    cuts.insert(inputs.size());
  }
  CHECK(cuts.size() == 19);
  CHECK(*cuts.begin() == 1);
  CHECK(split_prefix(text_of(1), random).targets.empty());

  double masked = 0, others = 0;
  const MaskingVocabulary vocabulary{.size = 500, .mask = 7};
  for (int i = 0; i < 1000; ++i) {
    const auto [inputs, targets] = mask_inputs(ids, vocabulary, iid_masking(0.15), random);
    REQUIRE(targets == ids);
    REQUIRE(inputs.size() == ids.size());
    for (std::size_t k = 0; k < ids.size(); ++k) {
      masked += inputs[k] == 7;
      others += inputs[k] != 7 && inputs[k] != ids[k];
    }
  }
  CHECK(plausible(masked, 3000, 0.9 + 0.1 / 500));
  CHECK(plausible(others, 3000, 0.1 * 499 / 500));

  std::map<std::int64_t, double> first;
  for (int i = 0; i < 2000; ++i) {
    auto [inputs, targets] = shuffle_inputs(ids, random);
    REQUIRE(targets == ids);
    ++first[inputs[0]];
    std::sort(inputs.begin(), inputs.end());
    REQUIRE(inputs == ids);
  }
  for (const auto id : ids) CHECK(plausible(first[id], 2000, 1.0 / 20));
}

TEST_CASE("sentinels go by their names, and a text that needs more than there are is cut into equal parts") {
  CHECK(sentinels_of(SentinelTokenizer(3)) == Ids{256, 257, 258});
  CHECK(sentinel_tokens(2) == std::vector<std::string>{"<extra_id_0>", "<extra_id_1>"});
  CHECK_THROWS_WITH(sentinels_of(SentinelTokenizer(0)), Catch::Contains("<extra_id_0>"));
  const auto options = DenoisingOptions::of(DenoisingObjective::kSpanCorruption, {}, SentinelTokenizer(4));
  CHECK(parts_for_sentinels(80, options) == Ids{80});  // 12 of noise: 4 spans
  CHECK(parts_for_sentinels(0, options) == Ids{0});
  for (const std::int64_t length : {100, 101, 301, 5000}) {
    const auto parts = parts_for_sentinels(length, options);
    CHECK(std::accumulate(parts.begin(), parts.end(), std::int64_t{0}) == length);
    CHECK(*std::max_element(parts.begin(), parts.end()) - *std::min_element(parts.begin(), parts.end()) <= 1);
    for (const auto part : parts) CHECK(noise_counts(part, {}).spans <= 4);
    CHECK(std::ssize(parts) <= length / 80 + 1);
  }
  CHECK(options.most_tokens(512) == tokens_for_sentinels(4, {}));
  CHECK(noise_counts(tokens_for_sentinels(100, {}), {}).spans == 100);
  CHECK(noise_counts(tokens_for_sentinels(100, {}) + 1, {}).spans == 101);
  // Others have no use for more than one.
  const auto prefixes = DenoisingOptions::of(DenoisingObjective::kPrefixLm, {}, SentinelTokenizer(0));
  CHECK(parts_for_sentinels(5000, prefixes) == Ids{5000});
  CHECK(prefixes.most_tokens(128) == 127);
  CHECK_THROWS_WITH(DenoisingOptions::of(DenoisingObjective::kIid, {.noise_density = 1}, SentinelTokenizer(1)),
                    Catch::Contains("noise_density is 1"));
}

TEST_CASE("a data set's examples depend on seed, epoch and number alone, and end tokens within are left out") {
  std::vector<TokenId> stream;
  for (TokenId i = 0; i < 500; ++i) stream.push_back(i % 50 == 49 ? 0 : 1 + i % 200);
  const TokenView tokens(stream, 260);
  const auto options = DenoisingOptions::of(DenoisingObjective::kSpanCorruption, {}, SentinelTokenizer(100));
  const DenoisingDataset dataset(tokens, options, /*max_source=*/32, /*end=*/0, /*seed=*/7);
  CHECK(dataset.tokens_per_example() == tokens_for_inputs(32, {}));
  const Ids numbers = {0, 3, 5}, alone = {3};
  const auto some = dataset.examples(2, numbers), one = dataset.examples(2, alone), other = dataset.examples(3, alone);
  const auto equal = [](std::span<const TokenId> a, std::span<const TokenId> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  };
  CHECK(equal(some.source(1), one.source(0)));
  CHECK(equal(some.target(1), one.target(0)));
  CHECK_FALSE(equal(one.source(0), other.source(0)));
  for (std::int64_t i = 0; i < some.size(); ++i) {
    for (const auto side : {some.source(i), some.target(i)}) CHECK(std::count(side.begin(), side.end(), 0) == 0);
    CHECK(std::ssize(some.source(i)) < 32);
  }

  const ParallelSpecialTokens special{.start = 0, .source_end = 0, .target_end = 0};
  const auto batches = denoising_batches(dataset, special, 4), ahead = denoising_batches(dataset, special, 4, 2);
  CHECK(batches->batches_per_epoch() == dataset.num_examples() / 4);
  for (int i = 0; i < 10; ++i) {
    const auto a = batches->next(), b = ahead->next();
    CHECK(torch::equal(a.source, b.source));
    CHECK(torch::equal(a.labels, b.labels));
    CHECK(a.source.size(0) == 4);
    CHECK(a.source.gather(1, (a.source_lengths - 1).unsqueeze(1)).eq(0).all().item<bool>());
  }
  // A text shorter than an example is one.
  const DenoisingDataset little(TokenView(std::span(stream).first(9), 260), options, 64, 0, 1);
  CHECK(little.tokens_per_example() == 8);
  CHECK_THROWS_WITH(DenoisingDataset(TokenView(std::span(stream).first(2), 260), options, 64, 0, 1),
                    Catch::Contains("has 2 tokens"));
}

}  // namespace langzoo::denoising_test
