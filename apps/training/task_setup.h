/// From the settings of a run to a TrainingTask: what a kind of task, or a family of its own, adds to a training run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <torch/types.h>

#include "apps/training/message.h"
#include "apps/training/run_config.h"
#include "apps/training/trainer.h"
#include "models/model_config.h"
#include "models/registry.h"

namespace langzoo {

/// All that is decided before a task makes its model and its batches.
struct TrainSetting {
  TrainerOptions trainer;
  BatchOptions batch;
  std::filesystem::path out;
  torch::Device device = torch::kCPU;
  bool resume = false;  ///< `out` may hold an earlier part of this run
  Message message = [](const std::string&) {};
};

/// A flag of `train` that sets one key; that of a boolean key takes no value.
struct TrainFlag {
  std::string name, key;  ///< "--dim", "model.dim"
};

/// What a trained model makes of its data, to be read by people.
struct ReportSample {
  std::string prompt, text;
};

/// One object serves one run.
class TaskSetup {
 public:
  virtual ~TaskSetup() = default;

  /// Binds the task's own sections: `data`, with `data.train`, and `model`, whose config the setup holds. May change
  /// the defaults of the section `train`.
  virtual void bind(RunConfig& config, TrainSetting& setting) = 0;
  /// Flags beside --data, for programs that have some.
  virtual std::vector<TrainFlag> flags() const = 0;
  /// The keys that name data: a resumed run takes other names of the same data, which the task's fingerprint tells.
  virtual std::vector<std::string> data_keys() const { return {"data.train"}; }
  /// Gives settings that depend on others their defaults, once all that the user says is known; setting.out and .resume
  /// are. Throws ConfigError for settings that contradict each other.
  virtual void complete(RunConfig& /*config*/) {}
  /// What evaluations give, once the settings are complete: train.best_metric is one of them. Empty: not known before.
  virtual std::vector<std::string> metric_names() const { return {}; }
  /// Whether train.optimizer may be `own` (TrainingTask::own_step).
  virtual bool has_own_algorithm() const { return false; }
  /// Why this run, its settings complete, is one for the CPU: "own algorithms run on the CPU". Empty: any device.
  virtual std::string needs_cpu() const { return {}; }
  /// What the help says behind the keys, in whole lines.
  virtual std::string notes() const { return {}; }
  /// Prepares data below `setting.out`, gives what the configuration leaves to the tokenizers its value, and builds the
  /// model with random numbers seeded already. Throws ConfigError for what the configuration has wrong.
  virtual std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) = 0;
  /// Tokens of one sequence of a batch, once the task is made: what train.batch_tokens counts. 0: the task heeds
  /// train.batch_tokens by itself.
  virtual std::int64_t tokens_per_sequence() const = 0;
  /// After training, while the task lives.
  virtual std::vector<ReportSample> samples() { return {}; }
};

/// Where a saved model is opened.
struct DeviceOptions {
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat32;
};

/// Throws ConfigError where a run's section `model` is impossible whatever its tokenizers are: before they, and its
/// data, are prepared.
void check_without_tokenizers(const ModelConfig& config);
/// Throws ConfigError where the field `name` of a run's section `model` says fewer tokens than the tokenizer has.
void require_vocabulary(ModelConfig& config, const std::string& name, std::int64_t tokens);

/// `model` as the Interface (models/causal_lm.h, ...) that its task asks for. Throws std::invalid_argument naming
/// `where` it comes from and the architecture where it is none.
template <class Interface>
std::shared_ptr<Interface> as_interface(const std::shared_ptr<torch::nn::Module>& model,
                                        const RegisteredModel& registered, const std::string& where) {
  auto found = std::dynamic_pointer_cast<Interface>(model);
  if (found == nullptr) {
    throw std::invalid_argument(where + ": " + std::string(registered.architecture) +
                                " is no model for this kind of task");
  }
  return found;
}

/// One with random weights, of a run's section `model`. Throws ConfigError naming the key that is impossible.
std::shared_ptr<torch::nn::Module> make_model(const RegisteredModel& registered, const ModelConfig& config);

}  // namespace langzoo
