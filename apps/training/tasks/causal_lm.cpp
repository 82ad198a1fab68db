#include "apps/training/tasks/causal_lm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/training/model_task.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/tasks/ngram.h"
#include "data/files/config_error.h"
#include "data/text/causal_lm.h"
#include "tokenizers/directory.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Gives the model what its tokenizer decides and the configuration left open.
void complete_config(ModelConfig& config, const Tokenizer& tokenizer) {
  const auto fields = fields_in(config);
  const auto& special = tokenizer.special_tokens();
  const auto begin = special.bos ? special.bos : special.eos;
  if (begin) fill_field(fields, "bos_token_id", *begin);
  if (special.eos) fill_field(fields, "eos_token_id", *special.eos);
  complete_vocabulary(config, "vocab_size", tokenizer);
}

}  // namespace

LoadedLm load_causal_lm(const RegisteredModel& registered, const fs::path& dir, const DeviceOptions& options,
                        bool with_tokenizer, LoadReport* report) {
  auto lm = load_model<CausalLm>(registered, dir, options, report);
  if (with_tokenizer) {
    lm.tokenizer = load_model_tokenizer(dir, lm.model->vocab_size());
  } else if (has_tokenizer(dir)) {
    lm.tokenizer = load_run_tokenizer(dir);
  }
  if (const auto* const ngrams = dynamic_cast<const NGramLmImpl*>(lm.model.get()); ngrams && lm.tokenizer)
    check_word_tokenizer(*ngrams, *lm.tokenizer, dir);
  return lm;
}

LoadedLm load_causal_lm(const fs::path& dir, const DeviceOptions& options) {
  return load_causal_lm(registered_model(dir), dir, options);
}

std::int64_t context_of(const CausalLm& model) {
  constexpr std::int64_t kAny = std::int64_t{1} << 40;
  return model.n_positions() > 0 ? model.n_positions() : kAny;
}

double total_nats(CausalLm& model, const TokenView& tokens, std::int64_t stride, torch::Device device,
                  Distributed* ranks) {
  const c10::InferenceMode inference;
  const EvaluationWindows windows(tokens, model.n_positions(), stride);
  constexpr std::int64_t kTokensAtOnce = 4096;
  const auto count = std::max<std::int64_t>(1, kTokensAtOnce / model.n_positions());
  double nats = 0;
  for (std::int64_t first = 0; first < windows.num_windows(); first += count) {
    if (!is_own_part(ranks, first / count)) continue;
    const auto batch = windows.batch(first, count);
    nats += model.loss_sum(batch.ids.to(device), batch.targets.to(device)).item<double>();
  }
  sum_over(ranks, {&nats, 1});
  return nats;
}

double TextNats::perplexity() const {
  return std::exp(per_token());
}
double TextNats::bits_per_byte() const {
  return nats / std::log(2.0) / static_cast<double>(bytes);
}
double TextNats::word_perplexity() const {
  return std::exp(nats / static_cast<double>(words));
}

EvalMetrics TextNats::metrics() const {
  EvalMetrics metrics;
  metrics["loss"] = {.value = per_token(), .chart = MetricChart::kLoss};
  metrics["perplexity"] = {.value = perplexity(), .chart = MetricChart::kNone};
  if (bytes > 0) metrics["bits_per_byte"] = {.value = bits_per_byte(), .chart = MetricChart::kNone};
  if (source_nats) {
    metrics["source_loss"] = {.value = *source_nats / static_cast<double>(tokens),
                              .label = "entropy of the source",
                              .chart = MetricChart::kLoss};
  }
  return metrics;
}

TextNats text_nats(CausalLm& model, const TokenizedText& text, std::int64_t stride, torch::Device device,
                   Distributed* ranks) {
  return {total_nats(model, text.tokens, stride, device, ranks), static_cast<std::int64_t>(text.tokens.size()) - 1,
          text.bytes, text.words, text.source_nats};
}

TokenizedText open_evaluation_text(const std::string& data, const Tokenizer& tokenizer, std::uint64_t microworld_seed,
                                   const Message& message) {
  auto text = open_text(data, tokenizer, microworld_seed, {}, message);
  if (text.tokens.size() < 2) throw std::runtime_error(data + ": has no token to predict: it needs two at least");
  return text;
}

std::vector<TokenId> encode_prompt(const std::string& prompt, const LoadedLm& lm, bool add_special_tokens) {
  EncodeOptions options;
  options.add_special_tokens = add_special_tokens;
  // Neither the tokenizer's own truncation nor its padding.
  options.truncation = Truncation{.max_length = std::numeric_limits<std::size_t>::max()};
  options.padding = Padding{.length = 0};
  auto encoding = lm.tokenizer->encode(prompt, options);
  auto& ids = encoding.ids;
  const auto eos = lm.tokenizer->special_tokens().eos;
  // What a template ends a text with, as T5's does, does not end a prompt, which goes on.
  if (!ids.empty() && ids.back() == eos && encoding.special_tokens_mask.back() != 0) ids.pop_back();
  if (const auto start = lm.model->prompt_start()) ids.insert(ids.begin(), *start);
  if (ids.empty()) {
    const auto& special = lm.tokenizer->special_tokens();
    if (!special.bos && !special.eos)
      throw ConfigError("the prompt is empty, and the model has no token to begin with");
    ids.push_back(special.bos ? *special.bos : *special.eos);
  }
  check_prompt_length(ids.size(), *lm.model);
  return std::move(ids);
}

void check_prompt_length(std::size_t tokens, const CausalLm& model) {
  if (static_cast<std::int64_t>(tokens) <= context_of(model)) return;
  throw std::runtime_error(
      fmt::format("the prompt has {} tokens, but the model's context is {}", tokens, model.n_positions()));
}

std::vector<std::vector<TokenId>> continue_ids(CausalLm& model, const std::vector<TokenId>& prompt,
                                               GenerateOptions options, torch::Device device) {
  const c10::InferenceMode inference;
  const auto size = static_cast<std::int64_t>(prompt.size());
  options.max_new_tokens = std::min(options.max_new_tokens, context_of(model) + 1 - size);
  if (options.max_new_tokens < 1) return {};
  options.min_new_tokens = std::min(options.min_new_tokens, options.max_new_tokens);
  options.eos_token_ids = model.end_tokens();
  const std::vector<std::vector<TokenId>> prompts = {prompt};
  auto padded = pad_left(prompts, 0);
  padded.ids = padded.ids.to(device);
  padded.mask = padded.mask.to(device);
  const auto step = model.start(padded.mask, size + options.max_new_tokens - 1);
  return generate(*step, padded, options);
}

std::vector<std::string> continue_text(const LoadedLm& lm, const std::string& prompt, const GenerateOptions& options) {
  std::vector<std::string> texts;
  for (const auto& ids : continue_ids(*lm.model, encode_prompt(prompt, lm), options, lm.device)) {
    texts.push_back(lm.tokenizer->decode_generated(ids, true));
  }
  return texts;
}

class CausalLmSetup::Task : public ModelTask<CausalLm, TextCorpus, CausalLmBatch> {
 public:
  Task(TextCorpus corpus, std::shared_ptr<CausalLm> model, std::int64_t context, const TrainSetting& setting)
      : ModelTask(std::move(model), std::move(corpus), setting), context_(context) {
    batches_ = causal_lm_batches(CausalLmDataset(data_.train.tokens, context_, seed_), batch_.batch_size, kPrepareAhead,
                                 rank_);
  }

  std::string fingerprint() const override {
    return fmt::format("causal_lm {} context {} batch {} seed {}", data_.fingerprint, context_, batch_size_of_all(),
                       seed_);
  }
  std::string accept_fingerprint(const std::string& saved) const override {
    const auto of_sizes =
        fmt::format("causal_lm tokens {} vocabulary {} context {} batch {} seed {}", data_.train.tokens.size(),
                    data_.train.tokens.vocab_size(), context_, batch_size_of_all(), seed_);
    if (saved != of_sizes) return TrainingTask::accept_fingerprint(saved);
    return "the run was saved by an earlier version: that the text has as many tokens was checked, not that it is the "
           "same";
  }

  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto loss = [this, ids = batch.ids.to(device_), targets = batch.targets.to(device_)] {
      return model_->loss_sum(ids, targets);
    };
    return {batch.targets.numel(), batch.ids.numel(), loss};
  }

  EvalMetrics evaluate() override {
    if (!data_.valid) return {};
    return text_nats(*model_, *data_.valid, model_->n_positions(), device_, ranks_).metrics();
  }

  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.tokenizer->save(dir);
  }

  CausalLm& lm() { return *model_; }
  torch::Device device() const { return device_; }
  const Tokenizer& tokenizer() const { return *data_.tokenizer; }
  const TokenizedText& sample_source() const { return data_.valid ? *data_.valid : data_.train; }

 private:
  const std::int64_t context_;
};

void CausalLmSetup::bind(RunConfig& config, TrainSetting& /*setting*/) {
  config.bind("data", options_);
  config.bind("data", [this](FieldVisitor& visit) {
    visit("context", context_,
          {.least = 0, .most = 1 << 24, .help = "tokens a training sequence; 0: all the model takes"});
  });
  config.bind("model", *config_);
}

void CausalLmSetup::complete(RunConfig& config) {
  options_.make_paths_absolute();
  ModelSetup::complete(config);
}

std::vector<UnreadKeys> CausalLmSetup::unread_keys() const {
  const bool told = is_microworld_text(options_.train) || is_microworld_text(options_.valid);
  return {{!told, "a text that microworld does not tell", {"data.microworld_bytes", "data.microworld_seed"}},
          {!options_.valid.empty() && !told, "a run with data.valid", {"data.valid_fraction"}}};
}

std::unique_ptr<TrainingTask> CausalLmSetup::make_task(TrainSetting& setting) {
  auto corpus = open_text_corpus(options_, setting.out, setting.message);
  complete_config(*config_, *corpus.tokenizer);
  auto model = make<CausalLm>(setting);
  tokens_ = context_ > 0 ? context_ : model->n_positions();
  if (tokens_ > model->n_positions()) {
    throw ConfigError(fmt::format("data.context = {}: the model takes {} tokens", tokens_, model->n_positions()));
  }
  if (tokens_ < model->n_positions() && setting.init.empty()) {
    setting.message(fmt::format("data.context = {}: positions {} to {} of the model learn nothing, but are validated",
                                tokens_, tokens_ + 1, model->n_positions()));
  }
  if (static_cast<std::int64_t>(corpus.train.tokens.size()) <= tokens_) {
    throw std::runtime_error(fmt::format("{}: {} tokens to train on, fewer than the {} that a context of {} needs",
                                         options_.train, corpus.train.tokens.size(), tokens_ + 1, tokens_));
  }
  if (corpus.valid && corpus.valid->tokens.size() < 2) {
    throw std::runtime_error(fmt::format("{}: fewer than 2 tokens to validate on",
                                         options_.valid.empty() ? options_.train : options_.valid));
  }
  auto task = std::make_unique<Task>(std::move(corpus), std::move(model), tokens_, setting);
  task_ = task.get();
  return task;
}

std::vector<ReportSample> CausalLmSetup::samples() {
  auto& lm = task_->lm();
  const auto& tokenizer = task_->tokenizer();
  lm.module().eval();
  const auto& source = task_->sample_source().tokens;
  constexpr std::int64_t kPrompt = 8, kMost = 160, kSamples = 2;
  const auto prompt_size =
      std::min<std::int64_t>({kPrompt, lm.n_positions() / 2, static_cast<std::int64_t>(source.size())});
  const auto most = std::min(kMost, lm.n_positions() - prompt_size);
  if (prompt_size < 1 || most < 1) return {};
  std::vector<std::int64_t> wide(static_cast<std::size_t>(prompt_size));
  source.read(0, wide);
  const std::vector<TokenId> prompt(wide.begin(), wide.end());
  GenerateOptions options;
  options.max_new_tokens = most;
  options.num_return_sequences = kSamples;
  options.sampling.temperature = 0.8;
  options.seed = 1;
  std::vector<ReportSample> samples;
  for (const auto& ids : continue_ids(lm, prompt, options, task_->device())) {
    samples.push_back({tokenizer.decode(prompt), tokenizer.decode_generated(ids, true)});
  }
  return samples;
}

}  // namespace langzoo
