/// DistilBERT's pretraining: a student learns to restore hidden tokens, and from its teacher's distributions and last
/// states (models/losses/distillation.h). It begins with layers of the teacher.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/training/tasks/pretraining.h"
#include "models/losses/distillation.h"

namespace langzoo {

/// Beside the section `train` of pretraining.
struct DistillationKeys {
  std::string teacher;  ///< a folder of a masked LM, of whatever family
  bool begin_as_teacher = true;
  DistilBertLoss loss;

  void for_each_field(FieldVisitor& visit);
};

/// Makes `teacher` absolute and gives settings of a student's run that are not said the teacher's: the tokenizer and,
/// unless the run has an init, sizes, but for half of the layers. Throws ConfigError where there is no such encoder.
void begin_with_teacher(RunConfig& config, std::string& teacher);

/// Covers the names and the bytes of a model's parameters, by which a run that goes on knows its teacher.
std::uint64_t weights_fingerprint(const torch::nn::Module& model);

/// A student is as begin_with_teacher() says.
class DistillationSetup : public PretrainingSetup {
 public:
  /// Of a student that is a masked LM.
  DistillationSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config)
      : PretrainingSetup(registered, std::move(config), SentenceTask::kPacked) {}

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<TrainFlag> flags() const override;
  std::vector<std::string> data_keys() const override;
  void complete(RunConfig& config) override;
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;

 private:
  class Task;

  DistillationKeys keys_;
};

}  // namespace langzoo
