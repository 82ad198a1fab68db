#include "tests/support/plain_test.h"

#include <atomic>
#include <cmath>
#include <memory>
#include <numeric>

#include "data/metrics/bleu.h"
#include "data/metrics/chrf.h"
#include "data/metrics/resampling.h"
#include "data/metrics/squad.h"
#include "tests/data/metrics/metric_texts.h"

using namespace langzoo;
using namespace langzoo::test;

namespace {

/// A mean of numbers, so that resampling can be worked out.
class Mean : public SegmentMetric {
 public:
  std::string name() const override { return "mean"; }
  std::string settings() const override { return {}; }
  std::size_t width() const override { return 2; }
  void measure(std::string_view, std::span<const std::string_view>, std::span<double>) const override {}
  std::vector<double> scores(std::span<const double> sums) const override {
    ++computed;
    return {sums[0] / sums[1]};
  }

  mutable std::atomic<std::size_t> computed = 0;
};

SegmentStatistics numbers(const std::vector<double>& values) {
  SegmentStatistics statistics(values.size(), 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    statistics.of(i)[0] = values[i];
    statistics.of(i)[1] = 1;
  }
  return statistics;
}

const std::vector<double> kSystem = {3, 5, 8, 2, 9, 4, 7, 6, 1, 5, 2, 8},
                          kBaseline = {2, 5, 6, 3, 7, 4, 5, 6, 2, 3, 2, 6};

}  // namespace

TEST_CASE("resampled means scatter as the theory says") {
  const auto scores = bootstrap_scores(Mean(), numbers(kSystem), {.samples = 20000, .seed = 1, .threads = 2})[0];
  double mean = 0, variance = 0, population = 0;
  for (const double score : scores) mean += score / 20000;
  for (const double score : scores) variance += (score - mean) * (score - mean) / 20000;
  for (const double x : kSystem) population += (x - 5) * (x - 5) / 12;
  CHECK(mean == Approx(5).margin(0.02));
  CHECK(variance == Approx(population / 12).epsilon(0.03));
}

TEST_CASE("resamples depend on the seed, not on the threads") {
  const auto draw = [](std::uint64_t seed, std::size_t threads) {
    return bootstrap_scores(Mean(), numbers(kSystem), {.samples = 50, .seed = seed, .threads = threads});
  };
  CHECK(draw(1, 1) == draw(1, 3));
  CHECK(draw(1, 1) != draw(2, 1));
}

TEST_CASE("a confidence interval leaves out a fortieth on both sides") {
  std::vector<double> scores(200);
  std::iota(scores.rbegin(), scores.rend(), 1.0);
  const auto interval = confidence_interval(scores);
  CHECK(interval.mean == 100.5);
  CHECK(interval.low == 6);
  CHECK(interval.high == 195);
  CHECK(interval.ci == 94.5);
  CHECK(confidence_interval({3}).ci == 0);
  CHECK_THROWS_AS(confidence_interval({}), std::invalid_argument);
}

TEST_CASE("the paired bootstrap counts differences beyond their mean") {
  // The differences are 1, 2, 3, 10, their mean 4: one exceeds it by more than 5.
  CHECK(paired_bootstrap_p_value(std::vector<double>{1, 4, 1, 0}, std::vector<double>{2, 2, 4, 10}, 5) == 2.0 / 5);
  CHECK(paired_bootstrap_p_value(std::vector<double>{1, 4, 1, 0}, std::vector<double>{2, 2, 4, 10}, 6) == 1.0 / 5);
  CHECK_THROWS_AS(paired_bootstrap_p_value(std::vector<double>{1}, std::vector<double>{}, 5), std::invalid_argument);
}

TEST_CASE("systems compared to the first by the paired bootstrap are each resampled once") {
  const Mean mean;
  const ResamplingOptions options{.samples = 100, .threads = 2};
  PairedBootstrap bootstrap(mean, options);
  const std::vector<SegmentStatistics> systems = {numbers(kBaseline), numbers(kSystem), numbers(kBaseline)};
  std::vector<Certainty> found;
  for (const auto& system : systems) found.push_back(bootstrap.add(system)[0]);
  CHECK(mean.computed == 3 * 101);
  const auto baseline = bootstrap_scores(mean, systems[0], options)[0],
             system = bootstrap_scores(mean, systems[1], options)[0];
  CHECK(!found[0].p_value);
  CHECK(found[0].interval->low == confidence_interval(baseline).low);
  CHECK(found[1].interval->low == confidence_interval(system).low);
  CHECK(found[1].p_value == paired_bootstrap_p_value(baseline, system, 60. / 12 - 51. / 12));
  CHECK(found[2].p_value == 1. / 101);  // no difference exceeds none
  CHECK_THROWS_AS(bootstrap.add(numbers({1})), std::invalid_argument);
}

TEST_CASE("approximate randomization approaches the test of all exchanges") {
  const auto a = numbers(kBaseline), b = numbers(kSystem);
  const auto difference = [&](unsigned exchanged) {
    double sum = 0;
    for (std::size_t i = 0; i < kSystem.size(); ++i) {
      sum += (exchanged >> i & 1 ? -1 : 1) * (kSystem[i] - kBaseline[i]);
    }
    return std::abs(sum / 12);
  };
  double exceeding = 0;
  for (unsigned exchanged = 0; exchanged < 4096; ++exchanged) exceeding += difference(exchanged) > difference(0) + 1e-9;
  const double exact = exceeding / 4096;
  const auto found = approximate_randomization(Mean(), a, b, {.samples = 40000, .seed = 5, .threads = 2})[0];
  CHECK(found == Approx(exact).margin(0.005));
  CHECK(approximate_randomization(Mean(), a, b, {.samples = 100, .threads = 1}) ==
        approximate_randomization(Mean(), a, b, {.samples = 100, .threads = 3}));
  CHECK(approximate_randomization(Mean(), a, a, {.samples = 10})[0] == 1.0 / 11);  // no difference exceeds none
  CHECK_THROWS_AS(approximate_randomization(Mean(), a, numbers({1}), {}), std::invalid_argument);
}

TEST_CASE("intervals and p-values are sacreBLEU's but for their random numbers") {
  std::vector<const MetricTexts::Case*> cases;
  for (const auto& c : MetricTexts::cases()) {
    if (count_characters(c.references[0]) > 20 && cases.size() < 300) cases.push_back(&c);
  }
  const auto golden = metrics_fixture("significance")["systems"];
  REQUIRE(golden.size() == 8);
  for (const auto& [name, expected] : golden.items()) {
    INFO(name);
    std::vector<std::string_view> base, better;
    std::vector<std::vector<std::string_view>> references(1);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      references[0].push_back(cases[i]->references[0]);
      base.push_back(cases[i]->hypothesis);
      better.push_back(i % expected["every"].get<std::size_t>() == 0 ? references[0].back() : base.back());
    }
    std::unique_ptr<SegmentMetric> metric = std::make_unique<Chrf>();
    if (expected["metric"] == "BLEU") metric = std::make_unique<Bleu>();
    const auto first = measure_segments(*metric, {base, references}, 2);
    const auto second = measure_segments(*metric, {better, references}, 2);
    const double scores[] = {metric->scores(first.sums())[0], metric->scores(second.sums())[0]};
    CHECK(scores[0] == expected["score"][0].get<double>());
    CHECK(scores[1] == expected["score"][1].get<double>());
    const ResamplingOptions options{.samples = 2000, .threads = 2};
    double p_value = 0;
    if (expected["test"] == "bs") {
      const auto a = bootstrap_scores(*metric, first, options)[0], b = bootstrap_scores(*metric, second, options)[0];
      p_value = paired_bootstrap_p_value(a, b, std::abs(scores[0] - scores[1]));
      const ConfidenceInterval intervals[] = {confidence_interval(a), confidence_interval(b)};
      for (std::size_t k = 0; k < 2; ++k) {
        CHECK(intervals[k].mean == Approx(expected["mean"][k].get<double>()).epsilon(0.01));
        CHECK(intervals[k].ci == Approx(expected["ci"][k].get<double>()).epsilon(0.1));
      }
    } else {
      p_value = approximate_randomization(*metric, first, second, options)[0];
    }
    CHECK(p_value == Approx(expected["p_value"].get<double>()).margin(0.04));
  }
}
