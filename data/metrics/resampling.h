/// How sure a corpus' score is: bootstrap confidence intervals, and tests of whether two systems differ, as sacreBLEU
/// defines them; random numbers are our own (data/random), so intervals agree up to their sampling error.
///
/// Koehn, "Statistical significance tests for machine translation evaluation" (EMNLP 2004); Riezler and Maxwell, "On
/// some pitfalls in automatic evaluation and significance testing for MT" (2005); Clark, Dyer, Lavie and Smith, "Better
/// hypothesis testing for statistical machine translation" (ACL 2011).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/metrics/segment_metric.h"

namespace langzoo {

struct ResamplingOptions {
  std::size_t samples = 1000;
  std::uint64_t seed = 12345;
  std::size_t threads = 1;
};

/// Scores of corpora drawn from the segments with replacement, as many as there are: [score][sample], the scores being
/// those of metric.scores(). The same segments are drawn for systems with equally many.
std::vector<std::vector<double>> bootstrap_scores(const SegmentMetric& metric, const SegmentStatistics& statistics,
                                                  const ResamplingOptions& options);

struct ConfidenceInterval {
  double mean = 0;
  double low = 0, high = 0;  ///< 95% of the scores are between them
  double ci = 0;             ///< half the distance of the two, what sacreBLEU writes behind its ±
};
/// Of scores of resampled corpora, at least one. With n // 40 scores below and above.
ConfidenceInterval confidence_interval(std::vector<double> scores);

/// The p-value of the hypothesis that two systems do not differ, from scores of the same resamples: how often their
/// absolute difference exceeds its mean by more than `difference`, the absolute difference on the corpus itself.
double paired_bootstrap_p_value(std::span<const double> baseline, std::span<const double> system, double difference);

/// What resampling says of one score of a system.
struct Certainty {
  std::optional<ConfidenceInterval> interval;
  std::optional<double> p_value;
};

/// Systems compared to the first of them by the paired bootstrap; every one is resampled once.
class PairedBootstrap {
 public:
  /// `metric` stays where it is.
  PairedBootstrap(const SegmentMetric& metric, const ResamplingOptions& options) : metric_(metric), options_(options) {}

  /// The intervals of the next system's scores, and for all systems but the first the p-values. Throws
  /// std::invalid_argument where the system's size is not the first one's.
  std::vector<Certainty> add(const SegmentStatistics& system);

 private:
  const SegmentMetric& metric_;
  ResamplingOptions options_;
  // Of the first system.
  std::size_t segments_ = 0;
  std::vector<double> baseline_;
  std::vector<std::vector<double>> resampled_baseline_;
};

/// The p-values of approximate randomization, one a score: how often the absolute difference exceeds the real one when
/// the two systems' segments are exchanged at random. Throws std::invalid_argument where the systems' sizes differ.
std::vector<double> approximate_randomization(const SegmentMetric& metric, const SegmentStatistics& baseline,
                                              const SegmentStatistics& system, const ResamplingOptions& options);

}  // namespace langzoo
