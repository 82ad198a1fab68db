/// TinyBERT's distillation of a classifier (Jiao et al. 2020, section 3), in two stages: the student's attention and
/// states become those of its teacher's layers, then its predictions the teacher's (models/losses/distillation.h).
#pragma once

#include <memory>
#include <string>

#include "apps/training/tasks/augmentation.h"
#include "apps/training/tasks/examples.h"

namespace langzoo {

/// Learns from classification's examples, and from those that AugmentationKeys makes of them; sizes, tokenizer and labels as of DistillationSetup.
class TinyBertSetup : public ExampleSetup {
 public:
  enum class Stage { kIntermediate, kPrediction };

  TinyBertSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config, Stage stage);

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<TrainFlag> flags() const override;
  std::vector<std::string> data_keys() const override;
  void complete(RunConfig& config) override;
  std::vector<UnreadKeys> unread_keys() const override;
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;

 private:
  class Task;

  /// The training texts become those in the run's data/augmented.jsonl.
  void augment(ExampleData& data, const TrainSetting& setting) const;

  Stage stage_;
  std::string teacher_;
  double temperature_ = 1;
  std::int64_t freeze_layers_ = 0;  ///< train.freeze_layers
  AugmentationKeys augmentation_;
};

}  // namespace langzoo
