/// What the verbs have in common whose metric is made of sums over lines: files, output, confidence, comparison.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "apps/cli/base/json_output.h"
#include "apps/cli/base/program.h"
#include "apps/cli/metrics/input.h"
#include "data/metrics/resampling.h"
#include "data/metrics/segment_metric.h"

namespace langzoo {

/// A score as people read it: "BLEU = 34.26 60.1/40.2/28.9/20.4 (BP = 1.000 ...)".
struct ScoreLine {
  std::string label;
  double value;
  std::string detail = {};
};

class SegmentVerb : public Verb {
 public:
  std::string notes() const override;
  void add_options(Options& options) override;
  void run(const CommonOptions& common) override;

 protected:
  /// The metric that the verb's own options ask for, to score lines or whole files.
  virtual std::unique_ptr<SegmentMetric> metric(bool sentence_level) const = 0;
  virtual void add_metric_options(Options& options) = 0;
  /// What the help says of the metric and its fields.
  virtual std::string metric_notes() const = 0;
  virtual JsonMembers fields(const SegmentMetric& metric, std::span<const double> sums) const = 0;
  /// One for each of the metric's scores.
  virtual std::vector<ScoreLine> lines(const SegmentMetric& metric, std::span<const double> sums) const = 0;
  /// Of the scores in text.
  virtual int decimals() const { return 2; }

 private:
  struct System {
    LineFile file;
    std::vector<std::string_view> hypotheses;
  };

  void check_options() const;
  bool paired() const { return paired_bootstrap_ || paired_randomization_; }
  ResamplingOptions resampling(std::size_t samples) const { return {samples, seed_, threads_}; }
  std::string signature(const SegmentMetric& metric) const;
  /// Of each score, but for --paired-bs. `baseline` is not null where the system is compared to it.
  std::vector<Certainty> certainty_of(const SegmentMetric& metric, const SegmentStatistics& statistics,
                                      const SegmentStatistics* baseline) const;
  void print(const SegmentMetric& metric, std::span<const double> sums, const System* system,
             const std::vector<Certainty>& certainty) const;

  std::vector<std::string> hypothesis_paths_, reference_paths_;
  bool sentence_level_ = false, signature_ = false, confidence_ = false;
  bool paired_bootstrap_ = false, paired_randomization_ = false;
  std::size_t confidence_samples_ = 1000, bootstrap_samples_ = 1000, randomization_samples_ = 10000;
  // Of the run at hand.
  std::vector<LineFile> references_;
  bool json_ = false;
  std::uint64_t seed_ = 0;
  std::size_t threads_ = 1;
};

}  // namespace langzoo
