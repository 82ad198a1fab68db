/// Setups of programs that train models of several types for several tasks: run.json says which.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/training/layer_training.h"
#include "apps/training/model_task.h"
#include "apps/training/task_setup.h"

namespace langzoo {

/// What a run trains, as its run.json says: the section `task`.
struct NamedTask {
  std::string model_type, name;

  void for_each_field(FieldVisitor& visit);
};

/// What such a run's keys are unless told otherwise.
struct NamedDefaults {
  double learning_rate;
  const char* tokenizer;  ///< data.tokenizer
};

/// The model of that type whose architecture ends so. Throws ConfigError where `model_type` is none of the `types`, or
/// has no such head, which is for `what`.
const RegisteredModel& model_with_head(const std::vector<std::string>& types, const std::string& model_type,
                                       std::string_view head, const std::string& what);
/// Throws ConfigError "WHAT VALUE: expected one of ...".
void must_be(const std::string& value, const std::vector<std::string>& choices, const std::string& what);
/// Throws ConfigError where train.init is a model of another type.
void check_init_type(const RunConfig& config, const std::string& model_type);

/// `Setup`, whose run.json says what it trains, and whose layers may learn differently.
template <class Setup>
class NamedSetup : public Setup {
 public:
  template <class... Arguments>
  NamedSetup(NamedTask task, NamedDefaults defaults, Arguments&&... arguments)
      : Setup(std::forward<Arguments>(arguments)...), task_(std::move(task)), defaults_(defaults) {}

  void bind(RunConfig& config, TrainSetting& setting) override {
    setting.trainer.learning_rate = defaults_.learning_rate;
    setting.trainer.schedule = "linear";
    setting.trainer.weight_decay = 0.01;
    Setup::bind(config, setting);
    config.set_default("data.tokenizer", defaults_.tokenizer);
    if (task_.name == "pair") config.set_default("data.microworld_task", "entailment");
    config.bind("train", layers_);
    config.bind("task", task_);
  }

  std::vector<TrainFlag> flags() const override {
    auto flags = Setup::flags();
    flags.push_back({"--batch-size", "train.batch_size"});
    return flags;
  }

  void complete(RunConfig& config) override {
    check_init_type(config, task_.model_type);
    Setup::complete(config);
  }

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    auto task = Setup::make_task(setting);
    dynamic_cast<RuledTask&>(*task).set_parameter_rules(layers_.apply(task->model()));
    return task;
  }

 private:
  NamedTask task_;
  NamedDefaults defaults_;
  LayerTraining layers_;
};

}  // namespace langzoo
