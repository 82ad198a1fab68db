/// Pretraining on documents and the entities that they name: hidden tokens, next sentences, and which entity a token
/// names (data/pretraining/entity_masking.h).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/training/tasks/pretraining.h"
#include "models/entity_pretraining.h"

namespace langzoo {

/// Of the model in `dir` on all documents of `data`: entity_loss and entity_accuracy beside those of
/// evaluate_pretraining(); loss is the sum of the three.
EvalMetrics evaluate_entity_pretraining(const RegisteredModel& registered, const std::filesystem::path& dir,
                                        const std::string& data, const DeviceOptions& options, std::int64_t batch_size,
                                        const Message& message = {});

/// Of a model that is an EntityPretrainer. Microworld tells what its knowledge is about (data/microworld/knowledge.h).
class EntityPretrainingSetup : public PretrainingSetup {
 public:
  EntityPretrainingSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config)
      : PretrainingSetup(registered, std::move(config), SentenceTask::kNextSentence) {}

  std::vector<std::string> metric_names() const override;
  std::vector<UnreadKeys> unread_keys() const override;
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;

 protected:
  std::vector<std::string> decided() const override { return {"entities", "entity_size"}; }
  TextTeller teller() const override;
  /// Gives a new model what it has from elsewhere.
  virtual void set_up_model(TokenModel& /*model*/, const Tokenizer& /*tokenizer*/, const TrainSetting& /*setting*/) {}

 private:
  class Task;
};

}  // namespace langzoo
