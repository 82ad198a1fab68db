#include "tests/support/test.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "data/parallel/pair_mixture.h"
#include "data/random/random.h"

namespace langzoo::pair_mixture_test {
namespace {

std::vector<PairLength> lengths_of(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<PairLength> lengths;
  for (std::int64_t i = 0; i < count; ++i)
    lengths.push_back(
        {static_cast<std::int64_t>(1 + random.below(40)), static_cast<std::int64_t>(1 + random.below(20))});
  return lengths;
}

std::vector<std::int64_t> epoch_of(const MixtureSampler& sampler, std::int64_t epoch) {
  std::vector<std::int64_t> all;
  for (std::int64_t batch = 0; batch < sampler.batches_per_epoch(); ++batch) {
    const auto pairs = sampler.examples({epoch, batch});
    all.insert(all.end(), pairs.begin(), pairs.end());
  }
  return all;
}

}  // namespace

TEST_CASE("mixing rates are proportional with a limit, by temperature, or equal, times weights") {
  const std::vector<std::int64_t> sizes = {8000, 1000, 1000};
  const auto check = [&](const MixingOptions& options, const std::vector<double>& weights,
                         const std::vector<double>& expected) {
    const auto rates = mixing_rates(sizes, weights, options);
    REQUIRE(rates.size() == expected.size());
    for (std::size_t i = 0; i < rates.size(); ++i) CHECK(rates[i] == Approx(expected[i]));
  };
  check({}, {}, {0.8, 0.1, 0.1});
  check({.limit = 2000}, {}, {0.5, 0.25, 0.25});
  check({.kind = MixingKind::kEqual}, {}, {1.0 / 3, 1.0 / 3, 1.0 / 3});
  check({.kind = MixingKind::kEqual}, {1, 2, 1}, {0.25, 0.5, 0.25});
  check({.kind = MixingKind::kTemperature, .temperature = 1}, {}, {0.8, 0.1, 0.1});
  const double root = std::cbrt(8.0);  // 8000^(1/3) / 1000^(1/3)
  check({.kind = MixingKind::kTemperature, .temperature = 3}, {}, {root / (root + 2), 1 / (root + 2), 1 / (root + 2)});
  check({.kind = MixingKind::kTemperature, .limit = 1000, .temperature = 2}, {}, {1.0 / 3, 1.0 / 3, 1.0 / 3});

  CHECK_THROWS_WITH(mixing_rates({}, {}, {}), Catch::Contains("no task"));
  const std::vector<std::int64_t> none = {3, 0};
  CHECK_THROWS_WITH(mixing_rates(none, {}, {}), Catch::Contains("task 2 has no examples"));
  const std::vector<double> bad = {1, -1, 1};
  CHECK_THROWS_WITH(mixing_rates(sizes, bad, {}), Catch::Contains("weight -1 of task 2"));
  CHECK_THROWS_WITH(mixing_rates(sizes, {}, {.temperature = 0.5}), Catch::Contains("temperature is 0.5"));
}

TEST_CASE("of one task every epoch is every pair once") {
  const auto lengths = lengths_of(333, 1);
  const std::vector<double> rates = {1};
  const MixtureSampler sampler(lengths, {333}, rates, {.sentences = 8}, 5);
  for (const auto epoch : {0, 1}) {
    auto pairs = epoch_of(sampler, epoch);
    std::sort(pairs.begin(), pairs.end());
    REQUIRE(pairs.size() == 333);
    for (std::int64_t i = 0; i < 333; ++i) REQUIRE(pairs[static_cast<std::size_t>(i)] == i);
  }
  CHECK(epoch_of(sampler, 0) != epoch_of(sampler, 1));
  CHECK(epoch_of(sampler, 1) == epoch_of(MixtureSampler(lengths, {333}, rates, {.sentences = 8}, 5), 1));
}

TEST_CASE("each task has its share of an epoch's draws, and over the epochs all of its pairs alike") {
  const auto lengths = lengths_of(1000, 2);
  const TaskEnds ends = {800, 950, 1000};
  const std::vector<double> rates = {0.4, 0.3, 0.3};
  const MixtureSampler sampler(lengths, ends, rates, {.sentences = 10}, 3);
  CHECK(sampler.draws() == std::vector<std::int64_t>{400, 300, 300});
  std::map<std::int64_t, int> counts;
  constexpr int kEpochs = 200;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const auto pairs = epoch_of(sampler, epoch);
    REQUIRE(pairs.size() == 1000);
    const auto of_first = std::count_if(pairs.begin(), pairs.end(), [](auto pair) { return pair < 800; });
    REQUIRE(of_first == 400);
    // No pair of the first task comes twice, those of the others as often as each other.
    std::map<std::int64_t, int> of_epoch;
    for (const auto pair : pairs) ++counts[pair], ++of_epoch[pair];
    for (const auto& [pair, count] : of_epoch) REQUIRE(count == (pair < 800 ? 1 : pair < 950 ? 2 : 6));
  }
  REQUIRE(counts.size() == 1000);
  for (const auto& [pair, count] : counts) {
    if (pair < 800) REQUIRE(std::abs(count - kEpochs / 2) < 4 * std::sqrt(kEpochs * 0.25) + 1);
  }
  // A task that is hardly drawn from is drawn from.
  const std::vector<double> scarce = {0.99995, 0.00002, 0.00003};
  CHECK(MixtureSampler(lengths, ends, scarce, {.sentences = 10}, 3).draws()[1] == 1);
}

TEST_CASE("batches of a mixture hold pairs of like lengths, whatever the epoch") {
  const auto lengths = lengths_of(4000, 4);
  const std::vector<double> rates = {0.5, 0.5};
  const MixtureSampler sampler(lengths, {3600, 4000}, rates, {.sentences = 32}, 3);
  for (const auto epoch : {0, 7}) {
    double tokens = 0, padded = 0;
    for (std::int64_t batch = 0; batch < sampler.batches_per_epoch(); ++batch) {
      std::int64_t longest = 0, count = 0;
      for (const auto pair : sampler.examples({epoch, batch})) {
        const auto length = lengths[static_cast<std::size_t>(pair)].source;
        longest = std::max(longest, length);
        tokens += static_cast<double>(length);
        ++count;
      }
      padded += static_cast<double>(longest * count);
    }
    CHECK(tokens / padded > 0.85);
  }
}

TEST_CASE("a mixture's batches are the corpus's pairs, prepared ahead or not") {
  ParallelCorpus corpus;
  for (TokenId i = 0; i < 60; ++i) {
    const std::vector<TokenId> source(static_cast<std::size_t>(1 + i % 7), 10 + i), target = {10 + i};
    corpus.add(source, target);
  }
  const std::vector<double> rates = {0.5, 0.5};
  const ParallelSpecialTokens special{.start = 0, .source_end = 1, .target_end = 1};
  const auto make = [&](std::size_t ahead) {
    return mixture_batches(corpus, special, {50, 60}, rates, {.sentences = 6}, 9, ahead);
  };
  const auto batches = make(0), ahead = make(3);
  for (int i = 0; i < 25; ++i) {
    const auto a = batches->next(), b = ahead->next();
    CHECK(a.pairs == b.pairs);
    for (std::size_t row = 0; row < a.pairs.size(); ++row)
      CHECK(a.source[static_cast<std::int64_t>(row)][0].item<std::int64_t>() == 10 + a.pairs[row]);
  }
  CHECK_THROWS_WITH(mixture_batches(corpus, special, {50, 70}, rates, {.sentences = 6}, 9),
                    Catch::Contains("60 pairs"));
  CHECK_THROWS_WITH(mixture_batches(corpus, special, {0, 60}, rates, {.sentences = 6}, 9),
                    Catch::Contains("task 1 has no pairs"));
}

}  // namespace langzoo::pair_mixture_test
