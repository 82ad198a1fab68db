#include "data/batching/length_batch_sampler.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "data/random/random.h"
#include "tests/support/test.h"

using namespace langzoo;

namespace {

/// Sentences as natural text has them: most short, some long, the two sides alike but not equal.
std::vector<PairLength> natural_lengths(std::int64_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<PairLength> lengths;
  for (std::int64_t i = 0; i < n; ++i) {
    double exponential = 0;
    for (int k = 0; k < 4; ++k) exponential -= std::log(1 - random.uniform());
    const auto source = static_cast<std::int64_t>(2 + 2 * exponential);
    lengths.push_back({source, source + static_cast<std::int64_t>(random.below(5))});
  }
  return lengths;
}

struct Padded {
  std::int64_t width = 0, tokens = 0;  ///< of one batch: source and target, with padding
  std::int64_t words = 0;              ///< without
};

Padded padded(std::span<const PairLength> lengths, const std::vector<std::int64_t>& pairs) {
  PairLength longest;
  Padded result;
  for (const auto pair : pairs) {
    const auto& length = lengths[static_cast<std::size_t>(pair)];
    longest = {std::max(longest.source, length.source), std::max(longest.target, length.target)};
    result.words += length.source + length.target;
  }
  result.width = longest.source + longest.target;
  result.tokens = result.width * static_cast<std::int64_t>(pairs.size());
  return result;
}

double padding_of_epoch(const LengthBatchSampler& buckets, std::span<const PairLength> lengths) {
  std::int64_t tokens = 0, words = 0;
  for (std::int64_t batch = 0; batch < buckets.batches_per_epoch(); ++batch) {
    const auto of_batch = padded(lengths, buckets.examples({0, batch}));
    tokens += of_batch.tokens;
    words += of_batch.words;
  }
  return 1 - static_cast<double>(words) / static_cast<double>(tokens);
}

}  // namespace

TEST_CASE("every epoch hands out every pair once, in batches within their limits") {
  for (const std::int64_t n : {1, 2, 3, 50, 1000}) {
    for (const BatchLimits limits : {BatchLimits{.tokens = 1}, BatchLimits{.tokens = 100}, BatchLimits{.tokens = 1000},
                                     BatchLimits{.sentences = 1}, BatchLimits{.sentences = 7},
                                     BatchLimits{.tokens = 300, .sentences = 8}, BatchLimits{.tokens = 1 << 30}}) {
      const auto lengths = natural_lengths(n, 5);
      const LengthBatchSampler buckets(lengths, limits, 3);
      for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
        std::vector<int> seen(static_cast<std::size_t>(n));
        for (std::int64_t batch = 0; batch < buckets.batches_per_epoch(); ++batch) {
          const auto pairs = buckets.examples({epoch, batch});
          REQUIRE(!pairs.empty());
          for (const auto pair : pairs) ++seen.at(static_cast<std::size_t>(pair));
          if (limits.sentences > 0) REQUIRE(static_cast<std::int64_t>(pairs.size()) <= limits.sentences);
          if (limits.tokens > 0) REQUIRE((pairs.size() == 1 || padded(lengths, pairs).tokens <= limits.tokens));
        }
        REQUIRE(std::all_of(seen.begin(), seen.end(), [](int times) { return times == 1; }));
      }
      CHECK_THROWS_AS(buckets.examples({0, buckets.batches_per_epoch()}), std::out_of_range);
      CHECK_THROWS_AS(buckets.examples({0, -1}), std::out_of_range);
    }
  }
}

TEST_CASE("without buckets to choose from, batches differ by one pair at most") {
  const std::vector<PairLength> lengths(1000, {7, 5});
  const LengthBatchSampler buckets(lengths, {.sentences = 128}, 1);
  CHECK(buckets.batches_per_epoch() == 8);
  for (std::int64_t batch = 0; batch < 8; ++batch) CHECK(buckets.examples({0, batch}).size() == 125);
  const LengthBatchSampler by_tokens(lengths, {.tokens = 12 * 128}, 1);
  for (std::int64_t batch = 0; batch < 8; ++batch) CHECK(by_tokens.examples({4, batch}).size() == 125);
}

TEST_CASE("the order depends on seed and epoch: which pairs meet, and when") {
  const auto lengths = natural_lengths(3000, 7);
  const LengthBatchSampler buckets(lengths, {.tokens = 400}, 1), same(lengths, {.tokens = 400}, 1),
      other(lengths, {.tokens = 400}, 2);
  const auto epoch_of = [](const LengthBatchSampler& of, std::int64_t epoch) {
    std::vector<std::vector<std::int64_t>> batches;
    for (std::int64_t batch = 0; batch < of.batches_per_epoch(); ++batch)
      batches.push_back(of.examples({epoch, batch}));
    return batches;
  };
  const auto sorted = [](std::vector<std::vector<std::int64_t>> batches) {
    for (auto& batch : batches) std::sort(batch.begin(), batch.end());
    std::sort(batches.begin(), batches.end());
    return batches;
  };
  CHECK(epoch_of(buckets, 3) == epoch_of(same, 3));
  CHECK(epoch_of(buckets, 3) != epoch_of(other, 3));
  CHECK(sorted(epoch_of(buckets, 0)) != sorted(epoch_of(buckets, 1)));
  // Batches of all lengths come at any time: the mean width of an epoch's first quarter is that of the whole.
  double quarter = 0, whole = 0;
  for (int epoch = 0; epoch < 40; ++epoch) {
    const auto batches = epoch_of(buckets, epoch);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const auto width = static_cast<double>(padded(lengths, batches[i]).width);
      whole += width / static_cast<double>(batches.size()) / 40;
      if (i < batches.size() / 4) quarter += width / static_cast<double>(batches.size() / 4) / 40;
    }
  }
  CHECK(quarter == Approx(whole).epsilon(0.05));
}

TEST_CASE("buckets keep padding small") {
  const auto lengths = natural_lengths(50'000, 11);
  const double one_bucket = [&] {  // batches of pairs as they come
    std::int64_t tokens = 0, words = 0;
    for (std::int64_t begin = 0; begin < 50'000; begin += 100) {
      std::vector<std::int64_t> pairs(100);
      std::iota(pairs.begin(), pairs.end(), begin);
      tokens += padded(lengths, pairs).tokens;
      words += padded(lengths, pairs).words;
    }
    return 1 - static_cast<double>(words) / static_cast<double>(tokens);
  }();
  CHECK(one_bucket > 0.5);
  CHECK(padding_of_epoch(LengthBatchSampler(lengths, {.tokens = 2048}, 1), lengths) < 0.04);
  CHECK(padding_of_epoch(LengthBatchSampler(lengths, {.sentences = 100}, 1), lengths) < 0.07);
}

TEST_CASE("any lengths are cut in bounded time") {
  std::vector<PairLength> lengths;
  for (std::int64_t i = 0; i < 20'000; ++i) lengths.push_back({i * i, 1'000'000'000 - i});
  const LengthBatchSampler buckets(lengths, {.tokens = 4096}, 1);
  CHECK(buckets.batches_per_epoch() == 20'000);
  const std::vector<PairLength> none(10);  // of no tokens
  CHECK(LengthBatchSampler(none, {.tokens = 5}, 1).batches_per_epoch() == 2);
}

TEST_CASE("lengths and limits that make no sense are refused") {
  const std::vector<PairLength> some(3, {1, 1}), negative(1, {1, -1});
  CHECK_THROWS_AS(LengthBatchSampler({}, {.tokens = 5}, 1), std::invalid_argument);
  CHECK_THROWS_AS(LengthBatchSampler(some, {}, 1), std::invalid_argument);
  CHECK_THROWS_AS(LengthBatchSampler(some, {.tokens = -5, .sentences = 9}, 1), std::invalid_argument);
  CHECK_THROWS_AS(LengthBatchSampler(negative, {.tokens = 5}, 1), std::invalid_argument);
}
