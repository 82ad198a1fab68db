#include "apps/training/tasks/pictures/captioning.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/training/run_tokenizer.h"
#include "data/files/file_error.h"
#include "models/generation/beam_search.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kAtOnce = 64;  ///< pictures of an evaluation

/// Calls `use` with all examples, so many at a time.
template <class Use>
void for_batches(const PictureSet& pictures, const CaptionExamples& examples, const LoadedCaptioner& captioner,
                 const Use& use) {
  const c10::InferenceMode inference;
  for (std::int64_t first = 0; first < examples.size(); first += kAtOnce) {
    std::vector<std::int64_t> chosen(as_size(std::min(kAtOnce, examples.size() - first)));
    std::iota(chosen.begin(), chosen.end(), first);
    use(to_device(caption_batch(pictures, examples, std::move(chosen), captioner.special()), captioner.device));
  }
}

}  // namespace

ParallelSpecialTokens LoadedCaptioner::special() const {
  return {.start = model->start_token(),
          .target_end = model->end_token(),
          .pad = tokenizer->special_tokens().pad.value_or(0)};
}

LoadedCaptioner load_captioner(const fs::path& dir, const DeviceOptions& options, LoadReport* report) {
  const auto& registered = registered_model(dir);
  auto loaded = load_model<CaptionerImpl>(registered, dir, options, report);
  if (!loaded.model->end_token()) throw FileError(dir / "config.json", "eos_token_id is null: a caption has no end");
  return {load_model_tokenizer(dir, loaded.model->target_vocab_size()), std::move(loaded.model), options.device};
}

std::vector<std::string> write_captions(const LoadedCaptioner& captioner, const torch::Tensor& pixels,
                                        std::int64_t num_beams) {
  const c10::InferenceMode inference;
  std::vector<std::string> captions;
  BeamSearchOptions options;
  options.num_beams = num_beams;
  options.length_penalty = 0;
  options.max_new_tokens = captioner.model->max_positions() - 1;  // there is room for the end behind them
  options.eos_token_ids = captioner.model->end_tokens();
  for (const auto& part : pixels.split(kAtOnce)) {
    const std::vector<std::vector<TokenId>> starts(as_size(part.size(0)), {captioner.model->start_token()});
    auto prompts = pad_left(starts, captioner.model->start_token());
    prompts.ids = prompts.ids.to(captioner.device), prompts.mask = prompts.mask.to(captioner.device);
    const auto step = captioner.model->start(part.to(captioner.device), {}, options.max_new_tokens);
    for (const auto& found : beam_search(*step, prompts, options))
      captions.push_back(captioner.tokenizer->decode_generated(found.front().ids, true));
  }
  return captions;
}

EvalMetrics evaluate_captioner(const LoadedCaptioner& captioner, const PictureSet& pictures, double source_nats,
                               std::vector<std::string>* captions) {
  const auto examples = caption_examples(pictures, *captioner.tokenizer, captioner.model->max_positions() - 1);
  double nats = 0;
  std::int64_t tokens = 0;
  for_batches(pictures, examples, captioner, [&](const ParallelBatch& batch) {
    nats +=
        captioner.model->loss_sum(batch.source, batch.source_lengths, batch.decoder_input, batch.labels).item<double>();
    tokens += batch.labels.ge(0).sum().item<std::int64_t>();
  });
  const auto per_token = [&](double sum) { return sum / static_cast<double>(tokens); };
  EvalMetrics metrics;
  metrics["loss"] = {.value = per_token(nats), .chart = MetricChart::kLoss};
  metrics["perplexity"] = {.value = std::exp(per_token(nats)), .chart = MetricChart::kNone};
  if (source_nats >= 0) {
    metrics["source_loss"] = {
        .value = per_token(source_nats), .label = "entropy of the captions", .chart = MetricChart::kLoss};
  }
  const auto written = write_captions(captioner, pictures.pixels);
  score_captions(written, pictures).add_to(metrics);
  if (captions != nullptr) *captions = written;
  return metrics;
}

EvalMetrics evaluate_captioning(const Family& /*family*/, const fs::path& dir, const std::string& data,
                                const EvaluationOptions& options) {
  const auto captioner = load_captioner(dir, options);
  double nats = -1;
  const auto pictures = open_evaluation_pictures({data, options.seed}, dir, captioner.image_size(), &nats);
  return evaluate_captioner(captioner, pictures, nats);
}

class CaptioningSetup::Task : public PictureTask<CaptionerImpl> {
 public:
  using PictureTask::PictureTask;

  std::string fingerprint() const override {
    return fmt::format("captioning {} batch {} seed {}", data_.fingerprint, batch_size_of_all(), seed_);
  }
  MicroBatch next() override {
    const auto batch = to_device(batches_->next(), device_);
    const auto targets = batch.labels.ge(0).sum().item<std::int64_t>();
    return {targets, targets, [this, batch] {
              return model_->loss_sum(batch.source, batch.source_lengths, batch.decoder_input, batch.labels);
            }};
  }
  EvalMetrics evaluate() override { return evaluate_captioner(captioner(), data_.valid, data_.valid_nats); }

  std::vector<ReportSample> samples() {
    model().eval();
    const auto some = data_.valid.part(0, std::min<std::int64_t>(8, data_.valid.size()));
    const auto written = write_captions(captioner(), some.pixels);
    std::vector<ReportSample> samples;
    for (std::size_t i = 0; i < written.size(); ++i)
      samples.push_back({some.files[i], fmt::format("\n{}\n(wanted: {})", written[i], some.captions[i].front())});
    return samples;
  }

 private:
  LoadedCaptioner captioner() const { return {data_.tokenizer, model_, device_}; }
};

void CaptioningSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting.batch.batch_size = 64;
  setting.trainer.best_metric = "loss";
  bind_pictures(config, "captioner");
}

std::vector<UnreadKeys> CaptioningSetup::unread_keys() const {
  const auto& model = config_->as<CaptionerConfig>();
  auto unread = PictureSetup::unread_keys();
  unread.push_back({model.encoder != "vit", "model.encoder = cnn", {"model.encoder_layers"}});
  unread.push_back({!model.is_recurrent(), "model.decoder = transformer", {"model.attention"}});
  unread.push_back({model.encoder != "vit" && model.is_recurrent(),
                    "a captioner with neither vit nor transformer",
                    {"model.num_heads"}});
  return unread;
}

std::unique_ptr<TrainingTask> CaptioningSetup::make_task(TrainSetting& setting) {
  const auto fields = fields_in(*config_);
  auto corpus = open_corpus(setting, config_->as<CaptionerConfig>().image_size);
  fill_field(fields, "decoder_start_token_id", start_token_of(*corpus.tokenizer, "data.tokenizer"));
  fill_field(fields, "eos_token_id", end_token_of(*corpus.tokenizer, "data.tokenizer"));
  const LoadedCaptioner captioner{corpus.tokenizer, make<CaptionerImpl>(setting)};
  auto task = std::make_unique<Task>(captioner.model, std::move(corpus), setting, captioner.model->max_positions() - 1,
                                     captioner.special());
  task_ = task.get();
  return task;
}

std::vector<ReportSample> CaptioningSetup::samples() {
  return task_->samples();
}

}  // namespace langzoo
