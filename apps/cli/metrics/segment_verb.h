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

/// What the user asks of a metric, whichever it is.
struct SegmentOptions {
  std::vector<std::string> hypothesis_paths, reference_paths;
  bool sentence_level = false, signature = false, confidence = false;
  bool paired_bootstrap = false, paired_randomization = false;
  std::size_t confidence_samples = 1000, bootstrap_samples = 1000, randomization_samples = 10000;

  void add_files(Options& options);
  void add_more(Options& options);
  /// Throws UsageError for options that contradict each other.
  void check() const;
  bool paired() const { return paired_bootstrap || paired_randomization; }
};
/// What the help says of them.
std::string segment_notes();

/// The files of a run, read once.
struct SegmentTexts {
  /// Throws std::runtime_error for files that are not equally long.
  explicit SegmentTexts(const SegmentOptions& options);

  struct System {
    LineFile file;
    std::vector<std::string_view> hypotheses;
  };
  std::vector<LineFile> reference_files;
  std::vector<std::vector<std::string_view>> references;
  std::vector<System> systems;
};

class SegmentVerb : public Verb {
 public:
  std::string notes() const override { return metric_notes() + segment_notes(); }
  void add_options(Options& options) override;
  bool heeds_seed() const override { return true; }
  void run(const CommonOptions& common) override;

  /// Measures and prints.
  void score(const SegmentOptions& options, const SegmentTexts& texts, const CommonOptions& common) const;

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
  struct Run {
    const SegmentOptions& options;
    const SegmentTexts& texts;
    bool json;
    std::uint64_t seed;
    std::size_t threads;

    ResamplingOptions resampling(std::size_t samples) const { return {samples, seed, threads}; }
  };

  static std::string signature(const SegmentMetric& metric, const Run& run);
  /// Of each score, but for --paired-bs. `baseline` is not null where the system is compared to it.
  static std::vector<Certainty> certainty_of(const SegmentMetric& metric, const SegmentStatistics& statistics,
                                             const SegmentStatistics* baseline, const Run& run);
  void print(const SegmentMetric& metric, std::span<const double> sums, const SegmentTexts::System* system,
             const std::vector<Certainty>& certainty, const Run& run) const;

  SegmentOptions options_;
};

}  // namespace langzoo
