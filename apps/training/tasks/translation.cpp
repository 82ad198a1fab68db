#include "apps/training/tasks/translation.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/metrics/chrf.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Batches made in the background while a step computes.
constexpr std::size_t kPrepareAhead = 2;

/// Both sides, padding included: bounds the memory of one evaluation batch.
constexpr std::int64_t kTokensAtOnce = 8192;

}  // namespace

Translator load_translator(const RegisteredModel& registered, const fs::path& dir, const DeviceOptions& options,
                           LoadReport* report) {
  Translator translator;
  translator.device = options.device;
  translator.model =
      as_interface<EncoderDecoder>(registered.load(dir, report, {.dtype = options.dtype}), registered, dir.string());
  if (!translator.model->end_token()) {
    throw FileError(dir / "config.json", "eos_token_id is null: a translation has no end");
  }
  translator.model->module().to(translator.device);
  translator.tokenizers = TranslationTokenizers::load(dir);
  const auto& tokenizers = translator.tokenizers;
  if (&tokenizers.source() == &tokenizers.target() &&
      translator.model->source_vocab_size() != translator.model->target_vocab_size()) {
    throw FileError(dir / kTargetTokenizerDir, "does not exist, but the model has two vocabularies");
  }
  check_vocabulary(dir, "source", tokenizers.source(), translator.model->source_vocab_size());
  check_vocabulary(dir, "target", tokenizers.target(), translator.model->target_vocab_size());
  translator.special = parallel_special_tokens(*translator.model, tokenizers);
  return translator;
}

Translator load_translator(const fs::path& dir, const DeviceOptions& options) {
  return load_translator(registered_model(dir), dir, options);
}

ParallelSpecialTokens parallel_special_tokens(const EncoderDecoder& model, const TranslationTokenizers& tokenizers) {
  ParallelSpecialTokens special;
  special.start = model.start_token();
  special.source_end = end_token_of(tokenizers.source(), "data.tokenizer");
  special.target_end = model.end_token();
  return special;
}

ParallelBatch to_device(ParallelBatch batch, torch::Device device) {
  batch.source = batch.source.to(device);
  batch.source_lengths = batch.source_lengths.to(device);
  batch.decoder_input = batch.decoder_input.to(device);
  batch.labels = batch.labels.to(device);
  return batch;
}

std::vector<Hypotheses> decode_sources(const Translator& translator, std::span<const std::vector<TokenId>> sources,
                                       BeamSearchOptions options, std::int64_t batch_size) {
  const c10::InferenceMode inference;
  options.eos_token_ids = {translator.model->end_token().value()};
  std::vector<Hypotheses> results(sources.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].empty()) {
      results[i].emplace_back();
    } else {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sources[a].size() > sources[b].size(); });
  const std::vector<TokenId> start = {translator.special.start};
  for (std::size_t first = 0; first < order.size(); first += static_cast<std::size_t>(batch_size)) {
    const auto rows =
        std::span(order).subspan(first, std::min(static_cast<std::size_t>(batch_size), order.size() - first));
    std::vector<std::span<const TokenId>> sentences;
    for (const auto row : rows) sentences.emplace_back(sources[row]);
    auto batch = source_batch(sentences, translator.special);
    if (options.coverage_penalty != 0) {
      options.source_mask = (torch::arange(batch.source.size(1)).unsqueeze(0) < batch.source_lengths.unsqueeze(1))
                                .to(translator.device);  // (B,S)
    }
    batch.source = batch.source.to(translator.device);
    batch.source_lengths = batch.source_lengths.to(translator.device);
    const std::vector<std::vector<TokenId>> starts(rows.size(), start);
    auto prompts = pad_left(starts, translator.special.start);
    prompts.ids = prompts.ids.to(translator.device);
    prompts.mask = prompts.mask.to(translator.device);
    const auto step = translator.model->start(batch.source, batch.source_lengths, options.max_new_tokens);
    auto found = beam_search(*step, prompts, options);
    for (std::size_t i = 0; i < rows.size(); ++i) results[rows[i]] = std::move(found[i]);
  }
  return results;
}

std::string text_of(const TranslationTokenizers& tokenizers, const Hypothesis& hypothesis) {
  return tokenizers.target().decode(hypothesis.ids, true);
}

std::vector<std::string> translate(const Translator& translator, const std::vector<std::string>& sentences,
                                   const BeamSearchOptions& options) {
  std::vector<std::vector<TokenId>> sources(sentences.size());
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    if (has_words(sentences[i])) translator.tokenizers.source().encode(sentences[i], sources[i]);
  }
  std::vector<std::string> texts;
  for (const auto& found : decode_sources(translator, sources, options, kDecodeBatch)) {
    texts.push_back(text_of(translator.tokenizers, found.front()));
  }
  return texts;
}

double TargetNats::perplexity() const {
  return std::exp(per_token());
}

EvalMetrics TargetNats::metrics() const {
  EvalMetrics metrics;
  metrics["loss"] = {.value = per_token(), .chart = MetricChart::kLoss};
  metrics["perplexity"] = {.value = perplexity(), .chart = MetricChart::kNone};
  return metrics;
}

TargetNats target_nats(EncoderDecoder& model, const ParallelCorpus& corpus, const ParallelSpecialTokens& special,
                       torch::Device device) {
  const c10::InferenceMode inference;
  TargetNats sum;
  const auto lengths = pair_lengths(corpus, special);
  for (auto& pairs : batches_by_length(lengths, {.tokens = kTokensAtOnce})) {
    const auto batch = to_device(parallel_batch(corpus, std::move(pairs), special), device);
    sum.nats += model.loss_sum(batch.source, batch.source_lengths, batch.decoder_input, batch.labels).item<double>();
    sum.tokens += batch.labels.ge(0).sum().item<std::int64_t>();
  }
  return sum;
}

void TextScores::add_to(EvalMetrics& metrics) const {
  metrics["bleu"] = {bleu.score, Direction::kHigherIsBetter};
  metrics["chrf"] = {chrf, Direction::kHigherIsBetter};
  metrics["exact_match"] = {exact_match, Direction::kHigherIsBetter};
}

TextScores text_scores(const std::vector<std::string>& hypotheses, const std::vector<std::string>& references,
                       const BleuOptions& options) {
  const std::vector<std::string_view> written(hypotheses.begin(), hypotheses.end());
  const std::vector<std::vector<std::string_view>> wanted = {{references.begin(), references.end()}};
  const ScoredTexts texts{written, wanted};
  const auto threads = static_cast<std::size_t>(at::get_num_threads());
  TextScores scores;
  const Bleu bleu(options);
  scores.bleu = bleu.result(measure_segments(bleu, texts, threads).sums());
  scores.bleu_signature = fmt::format("nrefs:1|{}|version:langzoo-{}", bleu.settings(), LANGZOO_VERSION);
  const Chrf chrf;
  scores.chrf = chrf.scores(measure_segments(chrf, texts, threads).sums()).front();
  std::size_t equal = 0;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) equal += hypotheses[i] == references[i] ? 1 : 0;
  scores.exact_match = 100.0 * static_cast<double>(equal) / static_cast<double>(hypotheses.size());
  return scores;
}

PairsOptions evaluation_pairs_defaults() {
  return {.task_pairs = 5'000, .task_skip = 50'000};
}

EvaluationPairs open_evaluation_pairs(const PairsOptions& options, const TranslationTokenizers& tokenizers) {
  const auto file = open_pairs(options);
  EvaluationPairs pairs;
  pairs.all = read_all(*file);
  for (const auto& pair : pairs.all) {
    std::vector<TokenId> from, to;
    try {
      tokenizers.source().encode(pair.source, from);
      tokenizers.target().encode(pair.target, to);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("{}: line {}: {}", file->name(), pair.line, error.what()));
    }
    if (!has_words(pair.source) || !has_words(pair.target) || from.empty() || to.empty()) continue;
    pairs.corpus.add(from, to);
    pairs.sources.push_back(std::move(from));
    pairs.references.push_back(pair.target);
  }
  if (pairs.sources.empty()) throw std::runtime_error(fmt::format("{}: no pair to measure", file->name()));
  return pairs;
}

class TranslationSetup::Task : public TrainingTask {
 public:
  Task(Translator translator, ParallelCorpus train, std::optional<ParallelCorpus> valid, std::string fingerprint,
       PairFormat format, const TrainSetting& setting, std::int64_t translated)
      : translator_(std::move(translator)),
        format_(format),
        train_(std::move(train)),
        valid_(std::move(valid)),
        translated_(translated),
        accumulation_(setting.trainer.accumulation),
        batch_size_(setting.batch.batch_size),
        batch_tokens_(setting.batch.batch_tokens),
        seed_(setting.trainer.seed),
        data_(std::move(fingerprint)),
        batches_(parallel_batches(train_, translator_.special, limits(), seed_, kPrepareAhead)) {}

  torch::nn::Module& model() override { return translator_.model->module(); }
  DataPosition position() const override { return batches_->position(); }
  void seek(const DataPosition& position) override { batches_->seek(position); }
  std::int64_t batches_per_epoch() const override { return batches_->batches_per_epoch(); }
  std::string fingerprint() const override {
    const auto batch = batch_tokens_ > 0 ? fmt::format("target tokens {} in {} parts", batch_tokens_, accumulation_)
                                         : fmt::format("sentences {}", batch_size_);
    return fmt::format("translation {} batch of {} seed {}", data_, batch, seed_);
  }
  std::string accept_fingerprint(const std::string& saved) const override {
    const auto pairs = fmt::format("translation pairs {} {:016x} tokens ", train_.size(), train_.fingerprint());
    if (batch_tokens_ == 0 && saved == fmt::format("{}0 sentences {} seed {}", pairs, batch_size_, seed_)) {
      return "the run was saved by an earlier version: that its validation pairs and tokenizers are the same was not "
             "checked";
    }
    if (batch_tokens_ > 0 && saved.starts_with(pairs)) {
      throw std::runtime_error(fmt::format(
          "cannot resume: the run was saved when train.batch_tokens = {} counted the tokens of both sides and padding, "
          "in a micro-batch; now it counts a step's target tokens, so that its batches are others. Start it again, "
          "with about half as many",
          batch_tokens_));
    }
    return TrainingTask::accept_fingerprint(saved);
  }

  MicroBatch next() override {
    const auto at = batches_->position();
    const auto step = (at.epoch * batches_->batches_per_epoch() + at.batch) / accumulation_;
    const auto batch = batches_->next();
    const auto targets = batch.labels.ge(0).sum().item<std::int64_t>();
    const auto sources = batch.source_lengths.sum().item<std::int64_t>();
    const auto loss = [this, step, batch = to_device(batch, translator_.device)] {
      translator_.model->set_training_step(step);
      return translator_.model->loss_sum(batch.source, batch.source_lengths, batch.decoder_input, batch.labels);
    };
    return {targets, sources + targets, loss};
  }

  EvalMetrics evaluate() override {
    if (!valid_) return {};
    auto metrics = target_nats(*translator_.model, *valid_, translator_.special, translator_.device).metrics();
    if (translated_ == 0) return metrics;
    std::vector<std::string> hypotheses, references;
    translate(*valid_, std::min(translated_, valid_->size()), hypotheses, references);
    const auto scores = text_scores(hypotheses, references, {});
    metrics["exact_match"] = {scores.exact_match, Direction::kHigherIsBetter};
    metrics["bleu"] = {scores.bleu.score, Direction::kHigherIsBetter};
    return metrics;
  }

  void save_model(const std::filesystem::path& dir) override {
    translator_.model->save_pretrained(dir);
    translator_.tokenizers.save(dir);
    format_.save(dir);
  }

  std::vector<ReportSample> samples() {
    model().eval();
    std::vector<std::string> hypotheses, references;
    const auto& corpus = valid_ ? *valid_ : train_;
    const auto count = std::min<std::int64_t>(kSamples, corpus.size());
    translate(corpus, count, hypotheses, references);
    std::vector<ReportSample> samples;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto n = static_cast<std::size_t>(i);
      samples.push_back({translator_.tokenizers.source().decode(corpus.source(i), true),
                         fmt::format("\n{}\n(wanted: {})", hypotheses[n], references[n])});
    }
    return samples;
  }

 private:
  static constexpr std::int64_t kSamples = 8;

  BatchLimits limits() const {
    if (batch_tokens_ == 0) return {.sentences = batch_size_};
    return limits_by_target_tokens(pair_lengths(train_, translator_.special),
                                   std::max<std::int64_t>(1, batch_tokens_ / accumulation_));
  }

  /// The first `count` pairs, greedily; not much longer than the longest reference, which an early model would be.
  void translate(const ParallelCorpus& corpus, std::int64_t count, std::vector<std::string>& hypotheses,
                 std::vector<std::string>& references) const {
    std::vector<std::vector<TokenId>> sources;
    std::size_t longest = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto source = corpus.source(i);
      sources.emplace_back(source.begin(), source.end());
      longest = std::max(longest, corpus.target(i).size());
      references.push_back(translator_.tokenizers.target().decode(corpus.target(i), true));
    }
    BeamSearchOptions options;
    options.num_beams = 1;
    options.max_new_tokens = static_cast<std::int64_t>(longest) + 1;
    for (const auto& found : decode_sources(translator_, sources, options, kDecodeBatch)) {
      hypotheses.push_back(text_of(translator_.tokenizers, found.front()));
    }
  }

  Translator translator_;
  PairFormat format_;
  ParallelCorpus train_;
  std::optional<ParallelCorpus> valid_;
  std::int64_t translated_, accumulation_, batch_size_, batch_tokens_;
  std::uint64_t seed_;
  std::string data_;  ///< fingerprint of the corpus
  std::unique_ptr<BatchIterator<ParallelBatch>> batches_;
};

TranslationSetup::TranslationSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config)
    : registered_(registered), config_(std::move(config)) {}
TranslationSetup::~TranslationSetup() = default;

void TranslationSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting_ = &setting;
  setting.batch.batch_size = 64;
  setting.trainer.weight_decay = 0;
  setting.trainer.clip_norm = 5;
  config.bind("data", options_);
  config.bind("data", [this](FieldVisitor& visit) {
    visit("translated", translated_,
          {.least = 0,
           .help = "pairs of the validation data that every evaluation translates, greedily, for exact_match and "
                   "bleu"});
  });
  config.bind("model", *config_);
}

std::vector<TrainFlag> TranslationSetup::flags() const {
  return {{"--target", "data.train_target"},
          {"--valid", "data.valid"},
          {"--valid-target", "data.valid_target"},
          {"--tokenizer", "data.tokenizer"},
          {"--target-tokenizer", "data.target_tokenizer"},
          {"--epochs", "train.max_epochs"}};
}

std::vector<std::string> TranslationSetup::data_keys() const {
  return {"data.train", "data.train_target", "data.valid", "data.valid_target"};
}

void TranslationSetup::complete(RunConfig& config) {
  options_.make_paths_absolute();
  check_without_tokenizers(*config_);
  if (setting_->trainer.max_epochs > 0) config.set_default("train.max_steps", "1000000000");
}

void TranslationSetup::complete_config(ModelConfig& config, const TranslationTokenizers& tokenizers) const {
  const auto fields = fields_in(config);
  const auto& target = tokenizers.target();
  const auto sources = static_cast<std::int64_t>(tokenizers.source().vocab_size());
  const auto targets = static_cast<std::int64_t>(target.vocab_size());
  fill_field(fields, "source_vocab_size", sources);
  fill_field(fields, "target_vocab_size", targets);
  fill_field(fields, "decoder_start_token_id", start_token_of(target, "data.tokenizer"));
  fill_field(fields, "eos_token_id", end_token_of(target, "data.tokenizer"));
  if (target.special_tokens().bos) fill_field(fields, "bos_token_id", *target.special_tokens().bos);
  require_vocabulary(config, "source_vocab_size", sources);
  require_vocabulary(config, "target_vocab_size", targets);
}

std::unique_ptr<TrainingTask> TranslationSetup::make_task(TrainSetting& setting) {
  auto corpus = open_pair_corpus(options_, setting.out, setting.message);
  complete_config(*config_, corpus.tokenizers);
  Translator translator;
  translator.device = setting.device;
  translator.model = as_interface<EncoderDecoder>(make_model(registered_, *config_), registered_, "model");
  set_up_model(*translator.model);
  translator.tokenizers = std::move(corpus.tokenizers);
  translator.special = parallel_special_tokens(*translator.model, translator.tokenizers);
  translator.model->module().to(setting.device);
  auto task =
      std::make_unique<Task>(std::move(translator), std::move(corpus.train), std::move(corpus.valid),
                             std::move(corpus.fingerprint), PairFormat{options_.keep_padding}, setting, translated_);
  task_ = task.get();
  return task;
}

std::vector<ReportSample> TranslationSetup::samples() {
  return task_->samples();
}

}  // namespace langzoo
