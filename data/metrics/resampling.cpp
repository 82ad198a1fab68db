#include "data/metrics/resampling.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/random/random.h"
#include "tokenizers/parallel.h"

namespace langzoo {

namespace {

void add_to(std::span<double> sums, std::span<const double> segment) {
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += segment[i];
}

/// Calls work(sample) for every sample, on several threads.
void for_samples(const ResamplingOptions& options, const std::function<void(std::size_t sample)>& work) {
  std::atomic<std::size_t> next{0};
  run_on_threads(std::min(options.threads, options.samples), [&](std::size_t) {
    for (std::size_t sample = next++; sample < options.samples; sample = next++) work(sample);
  });
}

/// Of `count` of `samples`, by the rule that the observed one is a sample too: never 0.
double p_value(std::size_t count, std::size_t samples) {
  return static_cast<double>(count + 1) / static_cast<double>(samples + 1);
}

[[noreturn]] void throw_sizes_differ(std::size_t baseline, std::size_t system) {
  throw std::invalid_argument(fmt::format("systems: {} and {} segments", baseline, system));
}

}  // namespace

std::vector<std::vector<double>> bootstrap_scores(const SegmentMetric& metric, const SegmentStatistics& statistics,
                                                  const ResamplingOptions& options) {
  std::vector<std::vector<double>> scores(metric.score_names().size(), std::vector<double>(options.samples));
  for_samples(options, [&](std::size_t sample) {
    Random random(options.seed, sample);
    std::vector<double> sums(statistics.width());
    for (std::size_t i = 0; i < statistics.segments(); ++i) {
      add_to(sums, statistics.of(random.below(statistics.segments())));
    }
    const auto values = metric.scores(sums);
    for (std::size_t s = 0; s < values.size(); ++s) scores[s][sample] = values[s];
  });
  return scores;
}

ConfidenceInterval confidence_interval(std::vector<double> scores) {
  if (scores.empty()) throw std::invalid_argument("scores: there are none");
  std::sort(scores.begin(), scores.end());
  const std::size_t outside = scores.size() / 40;
  ConfidenceInterval interval;
  interval.mean = std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
  interval.low = scores[outside];
  interval.high = scores[scores.size() - 1 - outside];
  interval.ci = 0.5 * (interval.high - interval.low);
  return interval;
}

double paired_bootstrap_p_value(std::span<const double> baseline, std::span<const double> system, double difference) {
  if (baseline.size() != system.size() || baseline.empty()) {
    throw std::invalid_argument(fmt::format("scores: {} and {}", baseline.size(), system.size()));
  }
  std::vector<double> differences(baseline.size());
  for (std::size_t i = 0; i < differences.size(); ++i) differences[i] = std::abs(system[i] - baseline[i]);
  const double mean =
      std::accumulate(differences.begin(), differences.end(), 0.0) / static_cast<double>(differences.size());
  const auto exceeding = std::count_if(differences.begin(), differences.end(),
                                       [&](double sampled) { return sampled - mean > difference; });
  return p_value(static_cast<std::size_t>(exceeding), differences.size());
}

std::vector<Certainty> PairedBootstrap::add(const SegmentStatistics& system) {
  const bool first = baseline_.empty();
  if (!first && system.segments() != segments_) throw_sizes_differ(segments_, system.segments());
  auto scores = metric_.scores(system.sums());
  auto resampled = bootstrap_scores(metric_, system, options_);
  std::vector<Certainty> certainty(scores.size());
  for (std::size_t s = 0; s < scores.size(); ++s) {
    certainty[s].interval = confidence_interval(resampled[s]);
    if (first) continue;
    const double difference = std::abs(scores[s] - baseline_[s]);
    certainty[s].p_value = paired_bootstrap_p_value(resampled_baseline_[s], resampled[s], difference);
  }
  if (first) {
    segments_ = system.segments();
    baseline_ = std::move(scores);
    resampled_baseline_ = std::move(resampled);
  }
  return certainty;
}

std::vector<double> approximate_randomization(const SegmentMetric& metric, const SegmentStatistics& baseline,
                                              const SegmentStatistics& system, const ResamplingOptions& options) {
  if (baseline.segments() != system.segments()) throw_sizes_differ(baseline.segments(), system.segments());
  const auto differences_of = [&](std::span<const double> a, std::span<const double> b) {
    auto differences = metric.scores(a);
    const auto others = metric.scores(b);
    for (std::size_t s = 0; s < others.size(); ++s) differences[s] = std::abs(differences[s] - others[s]);
    return differences;
  };
  const auto real = differences_of(baseline.sums(), system.sums());
  std::vector<std::atomic<std::size_t>> exceeding(real.size());
  for_samples(options, [&](std::size_t sample) {
    Random random(options.seed, sample);
    std::vector<double> a(baseline.width()), b(baseline.width());
    std::uint64_t coins = 0;
    for (std::size_t i = 0; i < baseline.segments(); ++i, coins >>= 1) {
      if (i % 64 == 0) coins = random.next();
      const bool exchange = (coins & 1) != 0;
      add_to(exchange ? b : a, baseline.of(i));
      add_to(exchange ? a : b, system.of(i));
    }
    const auto differences = differences_of(a, b);
    for (std::size_t s = 0; s < real.size(); ++s) exceeding[s] += differences[s] > real[s];
  });
  std::vector<double> p_values;
  for (const auto& count : exceeding) p_values.push_back(p_value(count, options.samples));
  return p_values;
}

}  // namespace langzoo
