#include "apps/training/tasks/pictures/image_tokens.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/training/run_tokenizer.h"
#include "data/files/config_error.h"
#include "data/microworld/pictures.h"
#include "models/generation/generate.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kTogether = 64;  ///< pictures drawn or evaluated together
constexpr double kWarmUp = 0.25;        ///< the share of the autoencoder's steps that go by without codes
constexpr std::int64_t kRamp = 100;     ///< steps in which the language model's rate rises
constexpr double kLastRate = 0.1;       ///< of the autoencoder, beside its first

std::vector<std::string> first_captions(const PictureSet& pictures) {
  std::vector<std::string> captions;
  for (const auto& texts : pictures.captions) captions.push_back(texts.front());
  return captions;
}

/// Of captions in their places, and of pictures. Shapes: text (N,S), pixels (N, 3 D D).
ImageTokensLoss summed_loss(ImageTokensImpl& model, const torch::Tensor& text, const torch::Tensor& pixels,
                            torch::Device device) {
  ImageTokensLoss sums{torch::zeros({}), torch::zeros({})};
  for (std::int64_t first = 0; first < text.size(0); first += kTogether) {
    const auto end = std::min(text.size(0), first + kTogether);
    const auto loss = model.language_loss(text.slice(0, first, end).to(device), pixels.slice(0, first, end).to(device));
    sums.text += loss.text.cpu(), sums.image += loss.image.cpu();
  }
  return sums;
}

}  // namespace

LoadedDrawer load_drawer(const fs::path& dir, const DeviceOptions& options, LoadReport* report) {
  auto loaded = load_model<ImageTokensImpl>(registered_model(dir), dir, options, report);
  return {load_model_tokenizer(dir, loaded.model->config().vocab_size), std::move(loaded.model), options.device};
}

std::vector<double> caption_nats(const LoadedCaptioner& captioner, const torch::Tensor& pixels,
                                 const std::vector<std::string>& captions) {
  const c10::InferenceMode inference;
  PictureSet pictures{.pixels = pixels, .files = captions};
  for (const auto& caption : captions) pictures.captions.push_back({caption});
  const auto examples = caption_examples(pictures, *captioner.tokenizer, captioner.model->max_positions() - 1);
  std::vector<std::int64_t> all(captions.size());
  std::iota(all.begin(), all.end(), 0);
  const auto batch =
      to_device(caption_batch(pictures, examples, std::move(all), captioner.special()), captioner.device);
  const auto step = captioner.model->start(batch.source, batch.source_lengths, batch.labels.size(1));
  const auto log_p = step->all_logits(batch.decoder_input).log_softmax(-1);  // (B,T,V)
  const auto chosen = log_p.gather(2, batch.labels.clamp_min(0).unsqueeze(2)).squeeze(2) * batch.labels.ge(0);
  const auto nats = chosen.sum(1).neg().to(torch::kCPU, torch::kFloat64).contiguous();
  return {nats.const_data_ptr<double>(), nats.const_data_ptr<double>() + nats.numel()};
}

torch::Tensor draw_pictures(const LoadedDrawer& drawer, const std::vector<std::string>& captions,
                            const DrawOptions& options) {
  const c10::InferenceMode inference;
  auto& model = *drawer.model;
  const auto& config = model.config();
  std::vector<std::vector<TokenId>> ids;
  for (const auto& caption : captions) {
    ids.push_back(drawer.tokenizer->encode(caption, {.add_special_tokens = false}).ids);
    if (ids.back().empty() || std::ssize(ids.back()) >= config.max_text) {
      throw std::runtime_error(fmt::format("the caption \"{}\" has {} tokens; the model takes 1 to {}", caption,
                                           ids.back().size(), config.max_text - 1));
    }
  }
  GenerateOptions generating;
  generating.max_new_tokens = generating.min_new_tokens = config.num_parts();
  generating.num_return_sequences = options.candidates;
  generating.sampling = options.sampling;
  generating.seed = options.seed;
  const auto count = std::ssize(captions), together = std::max<std::int64_t>(1, kTogether / options.candidates);
  std::vector<torch::Tensor> drawn;
  for (std::int64_t first = 0; first < count; first += together) {
    const auto end = std::min(count, first + together);
    generating.first_sequence = static_cast<std::uint64_t>(first);
    PaddedPrompts prompts;
    prompts.ids = model.text_rows({ids.begin() + first, ids.begin() + end}).to(drawer.device);
    prompts.mask = torch::ones_like(prompts.ids, torch::kBool);
    const auto step = model.start(end - first);
    std::vector<torch::Tensor> codes;
    for (const auto& row : generate(*step, prompts, generating)) codes.push_back(torch::tensor(row, torch::kInt64));
    auto pixels = model.vae->decode(torch::stack(codes).to(drawer.device)).cpu();
    if (options.candidates > 1) {
      std::vector<std::string> asked;
      for (auto i = first; i < end; ++i) asked.insert(asked.end(), as_size(options.candidates), captions[as_size(i)]);
      const auto nats = caption_nats(*options.captioner, pixels, asked);
      std::vector<std::int64_t> best;
      for (auto at = nats.begin(); at != nats.end(); at += options.candidates)
        best.push_back(std::min_element(at, at + options.candidates) - nats.begin());
      pixels = pixels.index_select(0, torch::tensor(best));
    }
    drawn.push_back(pixels);
  }
  return torch::cat(drawn);
}

double share_that_holds(const torch::Tensor& pixels, const std::vector<std::string>& captions) {
  std::int64_t held = 0;
  for (std::int64_t i = 0; i < pixels.size(0); ++i)
    held += caption_holds(captions[as_size(i)], things_in(image_of_bytes(pixels[i]))) ? 1 : 0;
  return 100.0 * static_cast<double>(held) / static_cast<double>(pixels.size(0));
}

EvalMetrics evaluate_drawer(const LoadedDrawer& drawer, const PictureSet& pictures) {
  const c10::InferenceMode inference;
  auto& model = *drawer.model;
  const auto captions = first_captions(pictures);
  auto single = pictures;
  for (auto& texts : single.captions) texts.resize(1);
  const auto examples = caption_examples(single, *drawer.tokenizer, model.config().max_text - 1);
  const auto sums = summed_loss(model, model.text_rows(examples.ids), pictures.pixels, drawer.device);
  const auto loss = sums.image.item<double>() / static_cast<double>(pictures.size() * model.config().num_parts());
  EvalMetrics metrics;
  metrics["loss"] = {.value = loss, .chart = MetricChart::kLoss};
  metrics["perplexity"] = {.value = std::exp(loss), .chart = MetricChart::kNone};
  if (likeliest_scores(pictures)) {
    std::vector<torch::Tensor> again;
    for (const auto& part : pictures.pixels.split(kTogether))
      again.push_back(model.vae->decode(model.vae->encode(part.to(drawer.device))).cpu());
    metrics["kept"] = {share_that_holds(torch::cat(again), captions), Direction::kHigherIsBetter};
  }
  return metrics;
}

EvalMetrics evaluate_image_tokens(const Family& /*family*/, const fs::path& dir, const std::string& data,
                                  const EvaluationOptions& options) {
  const auto drawer = load_drawer(dir, options);
  const auto pictures = open_evaluation_pictures({data, options.seed}, dir, drawer.model->config().image_size);
  auto metrics = evaluate_drawer(drawer, pictures);
  const auto captions = first_captions(pictures);
  metrics["holds"] = {share_that_holds(draw_pictures(drawer, captions, {}), captions), Direction::kHigherIsBetter};
  return metrics;
}

class ImageTokensSetup::Task : public PictureTask<ImageTokensImpl> {
 public:
  Task(const std::shared_ptr<ImageTokensImpl>& model, PictureCorpus corpus, const ImageTokensSetup& setup,
       const TrainSetting& setting)
      : PictureTask(model, std::move(corpus), setting, model->config().max_text - 1, {}),
        vae_steps_(setup.vae_steps_),
        drawn_(setup.drawn_),
        text_weight_(setup.text_weight_) {}

  std::string unit() const override { return "pictures"; }
  std::string loss_unit() const override { return "nats a token"; }
  std::vector<LossTerm> loss_terms() const override { return {{"autoencoder"}, {"text", text_weight_}, {"image"}}; }
  std::string fingerprint() const override {
    return fmt::format("image tokens {} batch {} seed {} autoencoder {}", data_.fingerprint, batch_size_of_all(), seed_,
                       vae_steps_);
  }

  MicroBatch next() override {
    const auto step = this->step();
    const auto batch = to_device(batches_->next(), device_);
    const auto B = batch.source.size(0);
    if (step < vae_steps_) {
      const bool quantize = static_cast<double>(step) >= kWarmUp * static_cast<double>(vae_steps_);
      MicroBatch micro({batch.source.numel(), 0, 0}, B, [this, batch, quantize] {
        return std::vector{model_->vae->loss_sum(batch.source, quantize), torch::Tensor(), torch::Tensor()};
      });
      micro.learning_rate_scale = 1 - (1 - kLastRate) * static_cast<double>(step) / static_cast<double>(vae_steps_);
      return micro;
    }
    std::vector<std::vector<TokenId>> captions;
    std::int64_t tokens = 0;
    for (const auto row : batch.pairs) {
      captions.push_back(examples_.ids[as_size(row)]);
      tokens += std::ssize(captions.back());  // the first is not predicted, the end is
    }
    const auto text = model_->text_rows(captions).to(device_);
    MicroBatch micro({0, tokens, B * model_->config().num_parts()}, B, [this, batch, text] {
      const auto loss = model_->language_loss(text, batch.source);
      return std::vector{torch::Tensor(), loss.text, loss.image};
    });
    micro.learning_rate_scale = std::min(1.0, static_cast<double>(step - vae_steps_ + 1) / kRamp);
    return micro;
  }

  EvalMetrics evaluate() override {
    const LoadedDrawer drawer{data_.tokenizer, model_, device_};
    auto metrics = evaluate_drawer(drawer, data_.valid);
    if (drawn_ == 0 || !metrics.contains("kept")) return metrics;
    auto captions = first_captions(data_.valid);
    captions.resize(as_size(std::min<std::int64_t>(drawn_, std::ssize(captions))));
    metrics["holds"] = {share_that_holds(draw_pictures(drawer, captions, {}), captions), Direction::kHigherIsBetter};
    return metrics;
  }

 private:
  const std::int64_t vae_steps_, drawn_;
  const double text_weight_;
};

void ImageTokensSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting.batch.batch_size = 32;
  bind_pictures(config, "tokens");
  config.bind("data", [this](FieldVisitor& visit) {
    visit(
        "drawn", drawn_,
        {.least = 0, .most = 1e6, .help = "captions of the validation data of which every evaluation draws pictures"});
  });
  config.bind("train", [this](FieldVisitor& visit) {
    visit("vae_steps", vae_steps_,
          {.least = 1, .help = "the first steps, in which the autoencoder learns, alone; then it stays as it is"});
    visit("text_weight", text_weight_, {.least = 0, .help = "of the loss of captions beside that of pictures"});
  });
}

std::unique_ptr<TrainingTask> ImageTokensSetup::make_task(TrainSetting& setting) {
  if (vae_steps_ >= setting.trainer.max_steps) {
    throw ConfigError(
        fmt::format("train.vae_steps = {}: must be fewer than train.max_steps = {}, the language model "
                    "learns in the others",
                    vae_steps_, setting.trainer.max_steps));
  }
  auto corpus = open_corpus(setting, config_->as<ImageTokensConfig>().image_size);
  const auto end = end_token_of(*corpus.tokenizer, "data.tokenizer");
  fill_field(fields_in(*config_), "eos_token_id", end);
  fill_field(fields_in(*config_), "pad_token_id", corpus.tokenizer->special_tokens().pad.value_or(end));
  return std::make_unique<Task>(make<ImageTokensImpl>(setting), std::move(corpus), *this, setting);
}

}  // namespace langzoo
