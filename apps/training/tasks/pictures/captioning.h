/// Image captioning (models/captioner): training, what a picture is called, and how likely a caption is.
///
///     const auto captioner = langzoo::load_captioner("run");
///     for (const auto& text : langzoo::write_captions(captioner, pictures.pixels)) ...
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/training/families.h"
#include "apps/training/tasks/pictures/picture_setup.h"
#include "models/captioner/captioner.h"

namespace langzoo {

struct LoadedCaptioner {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<CaptionerImpl> model;  ///< in evaluation mode
  torch::Device device = torch::kCPU;

  std::int64_t image_size() const { return model->config().image_size; }
  ParallelSpecialTokens special() const;
};
/// Throws FileError for a folder without a captioner, or whose tokenizer is missing or has other ids than the model.
LoadedCaptioner load_captioner(const std::filesystem::path& dir, const DeviceOptions& options = {},
                               LoadReport* report = nullptr);

/// The likeliest caption of each picture that a search of so many beams finds. Shapes: pixels (N, 3 D D).
std::vector<std::string> write_captions(const LoadedCaptioner& captioner, const torch::Tensor& pixels,
                                        std::int64_t num_beams = 1);
/// loss and perplexity a token, source_loss where it is known, and CaptionScores.
EvalMetrics evaluate_captioner(const LoadedCaptioner& captioner, const PictureSet& pictures, double source_nats,
                               std::vector<std::string>* captions = nullptr);
/// Of the model in `dir`: for apps/training/families.h.
EvalMetrics evaluate_captioning(const Family& family, const std::filesystem::path& dir, const std::string& data,
                                const EvaluationOptions& options);

class CaptioningSetup : public PictureSetup {
 public:
  using PictureSetup::PictureSetup;

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<UnreadKeys> unread_keys() const override;
  std::vector<std::string> metric_names() const override {
    return {"loss", "perplexity", "exact_match", "bleu", "cider_d", "holds"};
  }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;
  std::vector<ReportSample> samples() override;

 private:
  class Task;

  Task* task_ = nullptr;  ///< the run's
};

}  // namespace langzoo
