#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "apps/cli/causal_lm.h"
#include "apps/cli/model_checks.h"
#include "data/text/causal_lm.h"

namespace langzoo {

namespace {

/// Batches made in the background while a step computes.
constexpr std::size_t kPrepareAhead = 2;

class CausalLmTask : public TrainingTask {
 public:
  CausalLmTask(Corpus corpus, std::unique_ptr<CausalLm> model, std::int64_t context, const TrainSetting& setting)
      : corpus_(std::move(corpus)),
        model_(std::move(model)),
        device_(setting.device),
        context_(context),
        batch_size_(setting.batch.batch_size),
        seed_(setting.trainer.seed),
        batches_(causal_lm_batches(CausalLmDataset(corpus_.train.tokens, context, seed_), batch_size_, kPrepareAhead)) {
  }

  torch::nn::Module& model() override { return model_->module(); }
  DataPosition position() const override { return batches_->position(); }
  void seek(const DataPosition& position) override { batches_->seek(position); }
  std::int64_t batches_per_epoch() const override { return batches_->batches_per_epoch(); }
  std::string fingerprint() const override {
    return fmt::format("causal_lm tokens {} vocabulary {} context {} batch {} seed {}", corpus_.train.tokens.size(),
                       corpus_.train.tokens.vocab_size(), context_, batch_size_, seed_);
  }

  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto loss = [this, ids = batch.ids.to(device_), targets = batch.targets.to(device_)] {
      return model_->loss_sum(ids, targets);
    };
    return {batch.targets.numel(), batch.ids.numel(), loss};
  }

  EvalMetrics evaluate() override {
    if (!corpus_.valid) return {};
    const auto& valid = *corpus_.valid;
    const double nats = total_nats(*model_, valid.tokens, model_->n_positions(), device_);
    const auto targets = static_cast<double>(valid.tokens.size() - 1);
    EvalMetrics metrics = {{"loss", nats / targets}, {"perplexity", std::exp(nats / targets)}};
    if (valid.bytes > 0) metrics["bits_per_byte"] = nats / std::log(2.0) / static_cast<double>(valid.bytes);
    if (valid.source_nats) metrics["source_loss"] = *valid.source_nats / targets;
    return metrics;
  }

  void save_model(const std::filesystem::path& dir) override {
    model_->save(dir);
    corpus_.tokenizer->save(dir);
  }

  CausalLm& lm() { return *model_; }
  const Tokenizer& tokenizer() const { return *corpus_.tokenizer; }
  const TokenizedText& sample_source() const { return corpus_.valid ? *corpus_.valid : corpus_.train; }

 private:
  Corpus corpus_;
  std::unique_ptr<CausalLm> model_;
  torch::Device device_;
  std::int64_t context_, batch_size_;
  std::uint64_t seed_;
  std::unique_ptr<BatchIterator<CausalLmBatch>> batches_;
};

/// Gives the model what its tokenizer decides and the configuration left open.
void complete_config(ModelConfig& config, const Tokenizer& tokenizer) {
  const auto fields = fields_in(config);
  const auto tokens = static_cast<std::int64_t>(tokenizer.vocab_size());
  const auto& special = tokenizer.special_tokens();
  const auto begin = special.bos ? special.bos : special.eos;
  fill_field(fields, "vocab_size", tokens);
  if (begin) fill_field(fields, "bos_token_id", *begin);
  if (special.eos) fill_field(fields, "eos_token_id", *special.eos);
  require_vocabulary(config, "vocab_size", tokens);
}

class CausalLmTraining : public TrainFamily {
 public:
  explicit CausalLmTraining(const CausalLmFamily& family) : family_(family) {}

  void bind(RunConfig& config, TrainSetting& /*setting*/) override {
    config.bind("data", options_);
    config.bind("data", [this](FieldVisitor& visit) {
      visit("context", context_,
            {.least = 0, .most = 1 << 24, .help = "tokens a training sequence; 0: all the model takes"});
    });
    config.bind("model", *config_);
  }

  std::vector<TrainFlag> flags() const override {
    return {{"--valid", "data.valid"}, {"--tokenizer", "data.tokenizer"}};
  }

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    auto corpus = open_corpus(options_, setting.out, setting.message);
    complete_config(*config_, *corpus.tokenizer);
    std::unique_ptr<CausalLm> model;
    try {
      model = family_.create(*config_);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      throw UsageError(one_line(error));
    }
    tokens_ = context_ > 0 ? context_ : model->n_positions();
    if (tokens_ > model->n_positions()) {
      throw UsageError(fmt::format("data.context = {}: the model takes {} tokens", tokens_, model->n_positions()));
    }
    if (static_cast<std::int64_t>(corpus.train.tokens.size()) <= tokens_) {
      throw std::runtime_error(fmt::format("{}: {} tokens to train on, fewer than the {} that a context of {} needs",
                                           options_.train, corpus.train.tokens.size(), tokens_ + 1, tokens_));
    }
    if (corpus.valid && corpus.valid->tokens.size() < 2) {
      throw std::runtime_error(fmt::format("{}: fewer than 2 tokens to validate on",
                                           options_.valid.empty() ? options_.train : options_.valid));
    }
    model->module().to(setting.device);
    device_ = setting.device;
    auto task = std::make_unique<CausalLmTask>(std::move(corpus), std::move(model), tokens_, setting);
    task_ = task.get();
    return task;
  }

  std::int64_t tokens_per_sequence() const override { return tokens_; }

  std::vector<ReportSample> samples() override {
    auto& lm = task_->lm();
    const auto& tokenizer = task_->tokenizer();
    lm.module().eval();
    const c10::InferenceMode inference;
    const auto& source = task_->sample_source().tokens;
    constexpr std::int64_t kPrompt = 8, kMost = 160, kSamples = 2;
    const auto prompt_size =
        std::min<std::int64_t>({kPrompt, lm.n_positions() / 2, static_cast<std::int64_t>(source.size())});
    const auto most = std::min(kMost, lm.n_positions() - prompt_size);
    if (prompt_size < 1 || most < 1) return {};
    std::vector<std::int64_t> wide(static_cast<std::size_t>(prompt_size));
    source.read(0, wide);
    const std::vector<std::vector<TokenId>> prompts = {{wide.begin(), wide.end()}};
    const auto padded = pad_left(prompts, 0);
    GenerateOptions options;
    options.max_new_tokens = most;
    options.num_return_sequences = kSamples;
    options.sampling.temperature = 0.8;
    options.eos_token_ids = lm.end_tokens();
    options.seed = 1;
    const PaddedPrompts on_device{padded.ids.to(device_), padded.mask.to(device_)};
    auto step = lm.start(on_device.mask, prompt_size + most);
    std::vector<ReportSample> samples;
    for (const auto& ids : generate(*step, on_device, options)) {
      samples.push_back({tokenizer.decode(prompts[0]), tokenizer.decode(ids, true)});
    }
    return samples;
  }

 private:
  const CausalLmFamily& family_;
  std::unique_ptr<ModelConfig> config_ = family_.default_config();
  CorpusOptions options_;
  std::int64_t context_ = 0, tokens_ = 0;
  torch::Device device_ = torch::kCPU;
  CausalLmTask* task_ = nullptr;
};

}  // namespace

std::unique_ptr<Verb> train_verb(const CausalLmFamily& family) {
  const std::string examples =
      "train --data microworld --preset microworld --out run\n"
      "train --data book.txt --preset warandpeace-bpe --out run --set model.n_layer=6 train.max_steps=5000\n"
      "train --data book.txt --preset shakespeare-char --out run\n"
      "train --out run --resume\n";
  return std::make_unique<TrainVerb>(family.program(), examples,
                                     [&family] { return std::make_unique<CausalLmTraining>(family); });
}

}  // namespace langzoo
