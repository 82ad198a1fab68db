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

std::int64_t targets_of(std::span<const PairLength> lengths, const std::vector<std::int64_t>& pairs) {
  std::int64_t sum = 0;
  for (const auto pair : pairs) sum += lengths[static_cast<std::size_t>(pair)].target;
  return sum;
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
    for (const BatchLimits limits :
         {BatchLimits{.tokens = 1}, BatchLimits{.tokens = 100}, BatchLimits{.tokens = 1000},
          BatchLimits{.sentences = 1}, BatchLimits{.sentences = 7}, BatchLimits{.tokens = 300, .sentences = 8},
          BatchLimits{.tokens = 1 << 30}, BatchLimits{.target_tokens = 1}, BatchLimits{.target_tokens = 12},
          BatchLimits{.target_tokens = 150}, BatchLimits{.sentences = 5, .target_tokens = 90},
          BatchLimits{.target_tokens = 1 << 30}}) {
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
          if (limits.target_tokens > 0)
            REQUIRE((pairs.size() == 1 || targets_of(lengths, pairs) <= limits.target_tokens));
        }
        REQUIRE(std::all_of(seen.begin(), seen.end(), [](int times) { return times == 1; }));
      }
      CHECK_THROWS_AS(buckets.examples({0, buckets.batches_per_epoch()}), std::out_of_range);
      CHECK_THROWS_AS(buckets.examples({0, -1}), std::out_of_range);
    }
  }
}

TEST_CASE("batches of target tokens have about as many as asked for, never more, whatever the sources") {
  for (const std::int64_t wanted : {200, 1000, 4000}) {
    auto lengths = natural_lengths(50'000, 11);
    lengths[17].target = 2 * wanted;
    const LengthBatchSampler batches(lengths, limits_by_target_tokens(lengths, wanted), 1);
    std::int64_t all = 0, longer = 0;
    for (std::int64_t batch = 0; batch < batches.batches_per_epoch(); ++batch) {
      const auto pairs = batches.examples({3, batch});
      const auto targets = targets_of(lengths, pairs);
      all += targets;
      if (targets <= wanted) continue;
      ++longer;
      CHECK(pairs.size() == 1);
    }
    CHECK(longer == 1);
    const auto mean = static_cast<double>(all) / static_cast<double>(batches.batches_per_epoch());
    CHECK(mean > 0.88 * static_cast<double>(wanted));
  }
  // Of one bucket, with lengths far apart: dealt out evenly, other pairs together in each epoch.
  std::vector<PairLength> mixed_targets;
  for (std::int64_t i = 0; i < 500; ++i) mixed_targets.push_back({3, 1 + i * i % 97});
  const LengthBatchSampler dealt(mixed_targets, limits_by_target_tokens(mixed_targets, 10'000), 1);
  REQUIRE(dealt.batches_per_epoch() == 3);
  std::set<std::vector<std::int64_t>> seen;
  for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
    std::int64_t least = 10'000, most = 0;
    for (std::int64_t batch = 0; batch < 3; ++batch) {
      auto pairs = dealt.examples({epoch, batch});
      const auto targets = targets_of(mixed_targets, pairs);
      least = std::min(least, targets), most = std::max(most, targets);
      std::sort(pairs.begin(), pairs.end());
      CHECK(seen.insert(pairs).second);
    }
    CHECK(most - least <= 97);
  }
  // Documents to a line each: as many targets as asked for, though the sources are twenty times as long.
  std::vector<PairLength> documents;
  for (std::int64_t i = 0; i < 2000; ++i) documents.push_back({200 + i % 11, 10});
  const LengthBatchSampler of_documents(documents, limits_by_target_tokens(documents, 400), 1);
  CHECK(of_documents.batches_per_epoch() <= 55);  // 50 hold them all
  // A few long sources among short ones are in small batches.
  std::vector<PairLength> mixed(1000, {5, 5});
  mixed[1].source = mixed[2].source = 5000;
  const LengthBatchSampler few(mixed, limits_by_target_tokens(mixed, 1000), 1);
  for (std::int64_t batch = 0; batch < few.batches_per_epoch(); ++batch) {
    const auto pairs = few.examples({0, batch});
    REQUIRE(padded(mixed, pairs).tokens <= 2 * 5000 + 1000 * (2 + 5));
  }
  const std::vector<PairLength> some(3, {1, 1}), none(4, {0, 0});
  CHECK_THROWS_AS(limits_by_target_tokens(some, 0), std::invalid_argument);
  CHECK_THROWS_AS(limits_by_target_tokens({}, 5), std::invalid_argument);
  CHECK(LengthBatchSampler(none, limits_by_target_tokens(none, 2), 1).batches_per_epoch() > 0);
}

TEST_CASE("each side may have a limit of its own") {
  const auto lengths = natural_lengths(1000, 5);
  for (const BatchLimits limits : {BatchLimits{.source_tokens = 120}, BatchLimits{.target_tokens = 120},
                                   BatchLimits{.source_tokens = 200, .target_tokens = 90}}) {
    const LengthBatchSampler batches(lengths, limits, 3);
    std::size_t seen = 0;
    for (std::int64_t batch = 0; batch < batches.batches_per_epoch(); ++batch) {
      const auto pairs = batches.examples({1, batch});
      seen += pairs.size();
      PairLength longest;
      for (const auto pair : pairs) {
        const auto& length = lengths[static_cast<std::size_t>(pair)];
        longest = {std::max(longest.source, length.source), std::max(longest.target, length.target)};
      }
      const auto rows = static_cast<std::int64_t>(pairs.size());
      if (limits.source_tokens > 0) REQUIRE((rows == 1 || rows * longest.source <= limits.source_tokens));
      if (limits.target_tokens > 0) REQUIRE((rows == 1 || targets_of(lengths, pairs) <= limits.target_tokens));
    }
    CHECK(seen == lengths.size());
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
  CHECK_THROWS_AS(LengthBatchSampler(some, {.tokens = 5, .target_tokens = -9}, 1), std::invalid_argument);
  CHECK_THROWS_AS(LengthBatchSampler(negative, {.tokens = 5}, 1), std::invalid_argument);
}
