/// The verb `train` of every program: configuration, output directory, logs, signals and the trainer.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/cli/compute_verb.h"
#include "apps/cli/report.h"
#include "apps/training/run_config.h"
#include "apps/training/trainer.h"

namespace langzoo {

/// All that is decided before a family builds its model and its batches.
struct TrainSetting {
  TrainerOptions trainer;
  BatchOptions batch;
  std::filesystem::path out;
  torch::Device device = torch::kCPU;
  bool resume = false;                              ///< `out` may hold an earlier part of this run
  std::function<void(const std::string&)> message;  ///< tells the user what takes time
};

/// A flag of `train` that sets one key; that of a boolean key takes no value.
struct TrainFlag {
  std::string name, key;  ///< "--dim", "model.dim"
};

/// What a family adds to `train`. One object serves one run.
class TrainFamily {
 public:
  virtual ~TrainFamily() = default;

  /// Binds the family's own sections: `data`, with `data.train` (--data), and `model`, whose config the family holds.
  /// May change the defaults of the section `train`.
  virtual void bind(RunConfig& config, TrainSetting& setting) = 0;
  /// Flags beside --data.
  virtual std::vector<TrainFlag> flags() const = 0;
  /// Gives settings that depend on others their defaults, once all that the user says is known; setting.out and .resume
  /// are. Throws UsageError for settings that contradict each other.
  virtual void complete(RunConfig& /*config*/) {}
  /// Why this run, its settings complete, is one for the CPU: "own algorithms run on the CPU". Empty: any device.
  virtual std::string needs_cpu() const { return {}; }
  /// What the help says behind the keys, in whole lines.
  virtual std::string notes() const { return {}; }
  /// What the speed is counted in: "tok", "words".
  virtual std::string unit() const { return "tok"; }
  /// Prepares data below `setting.out`, gives what the configuration leaves to the tokenizers its value, and builds the
  /// model with random numbers seeded already. Throws UsageError or ConfigError for what the configuration has wrong.
  virtual std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) = 0;
  /// Tokens of one sequence of a batch, once the task is made: what train.batch_tokens counts. 0: the task heeds
  /// train.batch_tokens by itself.
  virtual std::int64_t tokens_per_sequence() const = 0;
  /// After training: what the model makes, for the report.
  virtual std::vector<ReportSample> samples() { return {}; }
};

class TrainVerb : public ComputeVerb {
 public:
  using MakeFamily = std::function<std::unique_ptr<TrainFamily>()>;

  /// `program` is "gpt": its presets are offered, and run.json names it.
  TrainVerb(std::string program, std::string examples, MakeFamily make_family)
      : program_(std::move(program)), examples_(std::move(examples)), make_family_(std::move(make_family)) {}

  std::string name() const override { return "train"; }
  std::string summary() const override { return "train a model on your own data"; }
  std::string examples() const override { return examples_; }
  std::string notes() const override;

 protected:
  void add_own_options(CLI::App& app) override;
  void compute(const ComputeOptions& common) override;

 private:
  /// All keys there are, bound to `setting` and to the family.
  std::unique_ptr<TrainFamily> bind_all(RunConfig& config, TrainSetting& setting) const;
  void configure(RunConfig& config, const ComputeOptions& common) const;
  void check_out() const;

  std::string program_, examples_;
  MakeFamily make_family_;
  std::string data_, preset_, config_, out_;
  std::vector<std::string> set_;
  std::vector<std::pair<std::string, std::string>> flags_;  ///< those given: name, key=value
  bool resume_ = false;
};

}  // namespace langzoo
