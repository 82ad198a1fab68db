/// What is compared: a kind of task prepares the data that all models learn from and are measured on, says which setups
/// its families have, and measures a trained model by the one definition that holds for all. It names no model.
///
/// A new kind is a ComparisonTask and a line in comparison_tasks().
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/training/comparison/comparison_spec.h"
#include "apps/training/message.h"
#include "apps/training/metric.h"
#include "apps/training/run_config.h"
#include "apps/training/task_setup.h"
#include "apps/training/tasks/lm.h"
#include "data/metrics/segment_metric.h"
#include "models/flops.h"

namespace langzoo {

/// A language model of the program's own that takes part (comparison.h).
struct OwnLm {
  std::string name;
  MakeLm make;
  double flops_per_token = 0;  ///< of its training; 0: not known
};

/// The data of a comparison, made once by the process that starts the runs and read by all of them.
struct ComparisonData {
  /// By name: paths of what was prepared, and figures. Text, so that it is kept beside the data.
  std::map<std::string, std::string> facts;
  std::string fingerprint;  ///< of all that runs learn from or are measured on

  const std::string& fact(const std::string& name) const;
  double number(const std::string& name) const;
  bool has(const std::string& name) const { return facts.contains(name); }
  void set(const std::string& name, double number);
};

struct ScoreInfo {
  std::string name;
  Direction direction = Direction::kLowerIsBetter;
  std::string label;  ///< what people call it
};

/// What tokens attend to, or are aligned with, in one sentence.
struct AttentionPicture {
  std::string title;                         ///< "layer 4, mean of its heads"
  std::vector<std::string> queries, keys;    ///< tokens as they are shown
  std::vector<std::vector<double>> weights;  ///< [query][key], in [0,1]
};

struct MeasuredModel {
  std::map<std::string, double> scores;  ///< finite; what a model has no part in is not there
  double tokens = 0, seconds = 0;        ///< that its measuring read, and took
  std::vector<ReportSample> samples;
  /// What ComparisonTask::segment_metric() measures of every segment of the test data. Empty: it cannot be paired with
  /// others'.
  std::vector<std::vector<double>> segments;
  std::vector<AttentionPicture> pictures;
};

/// A model to be measured.
struct ModelToMeasure {
  const ModelSpec& spec;
  const OwnLm* own = nullptr;  ///< where it is the program's own
  std::filesystem::path dir;
  bool trained_here = true;  ///< on the comparison's data and tokenizer; false: a folder of somebody's
};

class ComparisonTask {
 public:
  virtual ~ComparisonTask() = default;

  virtual std::string_view name() const = 0;  ///< "lm"
  /// The first one is the usual one.
  virtual std::vector<ScoreInfo> scores() const = 0;
  /// What is compared in learning curves: "nats a token".
  virtual std::string loss_unit() const { return "nats a token"; }
  virtual std::string unit() const { return "tokens"; }
  /// The keys of `data` of a spec, with their help.
  virtual std::vector<std::pair<std::string, std::string>> data_keys() const = 0;

  /// Writes into `dir`, which exists, what runs read. Throws ConfigError, FileError.
  virtual ComparisonData prepare(const ComparisonSpec& spec, const std::filesystem::path& dir,
                                 const Message& message) const = 0;
  /// Which program's run it is, for run.json and presets, and its setup. Throws ConfigError naming the nearest family.
  virtual std::string program_of(const ModelSpec& model) const = 0;
  virtual std::unique_ptr<TaskSetup> setup(const ModelSpec& model) const = 0;
  /// Gives a run the data, and what all runs have alike.
  virtual void configure(RunConfig& config, const ComparisonSpec& spec, const ComparisonData& data) const = 0;
  /// Likewise of the pretraining before it, where the task has one. Throws ConfigError where it has none.
  virtual std::unique_ptr<TaskSetup> pretraining_setup(const ModelSpec& model) const;
  virtual void configure_pretraining(RunConfig& /*config*/, const ComparisonSpec& /*spec*/,
                                     const ComparisonData& /*data*/) const {}
  /// Of one row of a batch, in the mean.
  virtual RowLengths row(const ComparisonSpec& spec, const ComparisonData& data) const = 0;
  /// Tokens of such a row that a curve counts.
  virtual double tokens_of_row(const ComparisonSpec& spec, const ComparisonData& data) const {
    return row(spec, data).target;
  }
  /// Tokens of every step, where all have the same number; 0: a run's batches say.
  virtual std::int64_t step_tokens(const ComparisonSpec& /*spec*/) const { return 0; }
  /// Gives `config` what it leaves to the data: sizes of vocabularies.
  virtual void complete(ModelConfig& config, const ComparisonData& data) const = 0;

  /// Throws what loading and measuring throw.
  virtual MeasuredModel measure(const ModelToMeasure& model, const ComparisonSpec& spec,
                                const ComparisonData& data) const = 0;
  virtual const SegmentMetric& segment_metric() const = 0;
  /// The score that it gives.
  virtual std::string segment_score() const { return scores().front().name; }
  /// Whether what a run does before its steps (counting) is part of its training.
  virtual bool prepares_by_counting() const { return false; }
};

std::span<const ComparisonTask* const> comparison_tasks();
/// Throws ConfigError that names the nearest, and those there are.
const ComparisonTask& comparison_task(std::string_view name);

const ComparisonTask& lm_comparison();
const ComparisonTask& translation_comparison();
const ComparisonTask& classification_comparison();
const ComparisonTask& tagging_comparison();
const ComparisonTask& vectors_comparison();

/// The sum of the first numbers of all segments by that of the second ones, times `scale`.
class RatioMetric : public SegmentMetric {
 public:
  RatioMetric(std::string name, double scale = 1) : name_(std::move(name)), scale_(scale) {}
  std::string name() const override { return name_; }
  std::string settings() const override { return ""; }
  std::size_t width() const override { return 2; }
  void measure(std::string_view hypothesis, std::span<const std::string_view> references,
               std::span<double> statistics) const override;
  std::vector<double> scores(std::span<const double> sums) const override {
    return {sums[1] > 0 ? scale_ * sums[0] / sums[1] : 0};
  }

 private:
  std::string name_;
  double scale_;
};

/// A text in three parts: to train on, to validate and to test. Lines of `spec.data`: "train", and where they are not
/// there "valid" and "test" are the last twentieths of it, by lines. Each is a file that is there.
struct TextParts {
  std::filesystem::path train, valid, test;
};
TextParts split_text(const ComparisonSpec& spec, const std::filesystem::path& dir);

struct Family;

/// The family that `model` names among those of the tasks, by its model type and, where given, architecture. Throws
/// ConfigError that names the nearest.
const Family& compared_family(const ModelSpec& model, std::span<const std::string_view> tasks);

/// Seconds since it was made.
class StopWatch {
 public:
  StopWatch();
  double seconds() const;

 private:
  std::int64_t begin_;
};

}  // namespace langzoo
