/// Pictures of captions (models/image_tokens): training, and drawing.
///
///     const auto drawer = langzoo::load_drawer("run");
///     const auto pixels = langzoo::draw_pictures(drawer, {"two small red circles"}, {.seed = 1});
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/training/families.h"
#include "apps/training/tasks/pictures/captioning.h"
#include "apps/training/tasks/pictures/picture_setup.h"
#include "models/generation/sampler.h"
#include "models/image_tokens/image_tokens.h"

namespace langzoo {

struct LoadedDrawer {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<ImageTokensImpl> model;  ///< in evaluation mode
  torch::Device device = torch::kCPU;
};
/// Throws FileError for a folder without such a model, or whose tokenizer is missing or has other ids than the model.
LoadedDrawer load_drawer(const std::filesystem::path& dir, const DeviceOptions& options = {},
                         LoadReport* report = nullptr);

/// The nats of each caption, -log p of all its tokens and its end, given its picture. Shapes: pixels (N, 3 D D).
std::vector<double> caption_nats(const LoadedCaptioner& captioner, const torch::Tensor& pixels,
                                 const std::vector<std::string>& captions);

struct DrawOptions {
  SamplingOptions sampling;
  std::uint64_t seed = 1;
  /// Pictures drawn of a caption, of which the one stays from which the captioner finds the caption likeliest.
  std::int64_t candidates = 1;
  const LoadedCaptioner* captioner = nullptr;  ///< of several candidates
};
/// A picture of each caption; what it is does not depend on how many there are. Throws std::runtime_error for a caption
/// without tokens, or with more than the model takes. Shapes: -> (N, 3 D D) uint8.
torch::Tensor draw_pictures(const LoadedDrawer& drawer, const std::vector<std::string>& captions,
                            const DrawOptions& options);

/// How many of so many pictures hold what their captions say, in per cent. Pictures are looked at by microworld's
/// parser.
double share_that_holds(const torch::Tensor& pixels, const std::vector<std::string>& captions);

/// loss and perplexity of a picture's token, and kept, the per cent of pictures in which the autoencoder leaves what
/// there is, where they are microworld's.
EvalMetrics evaluate_drawer(const LoadedDrawer& drawer, const PictureSet& pictures);
/// Of the model in `dir`, holds of its drawings as well: for apps/training/families.h.
EvalMetrics evaluate_image_tokens(const Family& family, const std::filesystem::path& dir, const std::string& data,
                                  const EvaluationOptions& options);

/// Training, of the autoencoder first and then of the language model: the keys data.drawn, train.vae_steps and
/// train.text_weight besides.
class ImageTokensSetup : public PictureSetup {
 public:
  using PictureSetup::PictureSetup;

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<std::string> metric_names() const override { return {"loss", "perplexity", "kept", "holds"}; }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;

 private:
  class Task;

  std::int64_t vae_steps_ = 1000, drawn_ = 50;
  double text_weight_ = 0.125;
};

}  // namespace langzoo
