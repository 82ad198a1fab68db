/// From the settings of a run to a TrainingTask: what a kind of task, or a family of its own, adds to a training run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "apps/training/message.h"
#include "apps/training/run_config.h"
#include "apps/training/trainer.h"
#include "models/model_config.h"
#include "models/registry.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// All that is decided before a task makes its model and its batches.
struct TrainSetting {
  TrainerOptions trainer;
  BatchOptions batch;
  /// A model whose weights the run begins with (train.init), its folder; empty: random ones.
  std::string init;
  std::filesystem::path out;
  torch::Device device = torch::kCPU;
  bool resume = false;  ///< `out` may hold an earlier part of this run
  Rank rank;            ///< of the processes that train together: the task's batches, and so the trainer's, are its
  Distributed* distributed = nullptr;  ///< these processes, where there are several; outlives the run
  DistributionOptions distribution;
  Message message = [](const std::string&) {};

  /// Binds the keys that every run has.
  void bind(RunConfig& config);
  /// Whether the weights come from `init`: not where a saved state has them.
  bool begins_with_init() const;
};

/// The model of a run: what the section `model` configures.
struct ConfiguredModel {
  const RegisteredModel& registered;
  ModelConfig& config;
};

/// A flag of `train` that sets one key; that of a boolean key takes no value.
struct TrainFlag {
  std::string name, key;  ///< "--dim", "model.dim"
};

/// Keys that have no effect on some runs.
struct UnreadKeys {
  bool unread = false;  ///< on this one
  std::string who;      ///< "objective hs" makes no use of them
  std::vector<std::string> keys;
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
  /// The keys that name data, and tokenizers (their names end in "tokenizer"): a resumed run takes other names of the
  /// same data, which the task's fingerprint tells.
  virtual std::vector<std::string> data_keys() const { return {"data.train"}; }
  /// The model that train.init gives its config, tokenizers and weights (begin_with_model); nothing where the task has
  /// none, or heeds train.init by itself.
  virtual std::optional<ConfiguredModel> configured_model() { return std::nullopt; }
  virtual bool heeds_init() const { return false; }
  /// Whether data.train has to be said: not where a run has other data, or some of its own.
  virtual bool needs_train_data() const { return true; }
  /// The key that is not used where train.batch_tokens is given. Empty: none.
  virtual std::string unread_beside_batch_tokens() const { return {}; }
  /// Gives settings that depend on others their defaults, once all that the user says is known; setting.out and .resume
  /// are. Throws ConfigError for settings that contradict each other.
  virtual void complete(RunConfig& /*config*/) {}
  /// What this run, its settings complete, makes no use of: no one may set it, but for presets.
  virtual std::vector<UnreadKeys> unread_keys() const { return {}; }
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
/// Gives that field the tokenizer's number of tokens where it has no value, then require_vocabulary().
void complete_vocabulary(ModelConfig& config, const std::string& name, const Tokenizer& tokenizer);

/// Gives token ids of the config that have no value (pad_token_id, ...) the tokenizer's.
void complete_special_tokens(ModelConfig& config, const Tokenizer& tokenizer);

/// Throws std::invalid_argument: what comes from `where` is no model for the task; which program opens it, and for which.
[[noreturn]] void refuse_model(const RegisteredModel& registered, const std::string& where);

/// `model` as the Interface (models/causal_lm.h, ...) that its task asks for. Throws as refuse_model() where it is
/// none.
template <class Interface>
std::shared_ptr<Interface> as_interface(const std::shared_ptr<torch::nn::Module>& model,
                                        const RegisteredModel& registered, const std::string& where) {
  auto found = std::dynamic_pointer_cast<Interface>(model);
  if (found == nullptr) refuse_model(registered, where);
  return found;
}

/// Gives the sections model and data of `config` what the model in folder `init` decides: its own config, and its
/// tokenizers for data.tokenizer and data.target_tokenizer. Throws ConfigError for a model of another family, and for a
/// setting that contradicts it: only dropout and other numbers that are no sizes, and token ids, may be others.
void begin_with_model(const ConfiguredModel& model, RunConfig& config, const std::filesystem::path& init);

/// One with random weights, of a run's section `model`. Throws ConfigError naming the key that is impossible.
std::shared_ptr<torch::nn::Module> make_model(const RegisteredModel& registered, const ModelConfig& config);
/// The model of a run: with random weights, or with those of setting.init, whose head stays where the task's labels are
/// the same. Says what of it is new. Throws FileError as well.
std::shared_ptr<torch::nn::Module> make_model(const RegisteredModel& registered, ModelConfig& config,
                                              const TrainSetting& setting);

/// A model folder, opened for its kind of task.
template <class Interface>
struct LoadedModel {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<Interface> model;  ///< in evaluation mode
  torch::Device device = torch::kCPU;
};
/// What `dir` holds, as a model of `registered`, still without its tokenizer. `report`: what of the model was not as it
/// should be, and yet could be loaded. Throws FileError, and as as_interface().
template <class Interface>
LoadedModel<Interface> load_model(const RegisteredModel& registered, const std::filesystem::path& dir,
                                  const DeviceOptions& options, LoadReport* report = nullptr) {
  const auto module = registered.load(dir, report, {.dtype = options.dtype});
  auto model = as_interface<Interface>(module, registered, dir.string());
  module->to(options.device);
  return {nullptr, std::move(model), options.device};
}
/// Its tokenizer. Throws FileError where there is none, and where it has ids that a vocabulary of so many lacks.
std::shared_ptr<const Tokenizer> load_model_tokenizer(const std::filesystem::path& dir, std::int64_t vocab_size);

/// A setup whose model is one of models/registry.h. The kind of task binds the sections `data` and `model`.
class ModelSetup : public TaskSetup {
 public:
  /// `config` is that of a run that says nothing. What the kind's tokenizers and data decide is kFromTokenizer or has
  /// no value.
  ModelSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config)
      : registered_(registered), config_(std::move(config)) {}

  std::vector<TrainFlag> flags() const override {
    return {{"--valid", "data.valid"}, {"--tokenizer", "data.tokenizer"}};
  }
  std::vector<std::string> data_keys() const override { return {"data.train", "data.valid", "data.tokenizer"}; }
  std::optional<ConfiguredModel> configured_model() override { return ConfiguredModel{registered_, *config_}; }
  void complete(RunConfig& /*config*/) override { check_without_tokenizers(*config_); }
  std::int64_t tokens_per_sequence() const override { return 0; }  // the batches heed train.batch_tokens

 protected:
  /// The run's, of the completed config, on its device. Throws as make_model().
  template <class Interface>
  std::shared_ptr<Interface> make(const TrainSetting& setting) const {
    const auto module = make_model(registered_, *config_, setting);
    module->to(setting.device);
    return as_interface<Interface>(module, registered_, "model");
  }

  const RegisteredModel& registered_;
  std::unique_ptr<ModelConfig> config_;
};

}  // namespace langzoo
