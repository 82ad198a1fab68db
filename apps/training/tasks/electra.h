/// ELECTRA's pretraining (models/electra/electra_pretraining.h): a generator predicts hidden tokens, a discriminator
/// tells which tokens it has drawn are not the text's.
#pragma once

#include "apps/training/tasks/pretraining.h"

namespace langzoo {

inline constexpr double kDiscriminatorWeight = 50;  ///< of its loss (section 3.2)

/// The run's folder is the discriminator's, its folder `generator` the generator's.
class ElectraSetup : public PretrainingSetup {
 public:
  /// `config` is the discriminator's, an ElectraConfig.
  ElectraSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config)
      : PretrainingSetup(registered, std::move(config), SentenceTask::kPacked) {}

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<std::string> metric_names() const override;
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;

 private:
  class Task;

  double generator_fraction_ = 0.25, weight_ = kDiscriminatorWeight;
};

/// loss (the generator's, and the discriminator's by its weight), generator_loss and discriminator_loss; accuracy of
/// the discriminator. The weight is that of the run in `dir`; what the generator draws is the same every time. Throws
/// FileError for a folder without the generator's.
EvalMetrics evaluate_electra(const std::filesystem::path& dir, const std::string& data, const DeviceOptions& options,
                             std::int64_t batch_size = 32, const Message& message = {});

}  // namespace langzoo
