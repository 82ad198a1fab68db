#include "apps/training/tasks/translation.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/training/model_task.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "data/metrics/chrf.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Both sides, padding included: bounds the memory of one evaluation batch.
constexpr std::int64_t kTokensAtOnce = 8192;

}  // namespace

Translator load_translator(const RegisteredModel& registered, const fs::path& dir, const DeviceOptions& options,
                           LoadReport* report) {
  Translator translator;
  translator.device = options.device;
  translator.model = load_model<EncoderDecoder>(registered, dir, options, report).model;
  if (!translator.model->end_token()) {
    throw FileError(dir / "config.json", "eos_token_id is null: a translation has no end");
  }
  const auto start = translator.model->generation_config.decoder_start_token_id;
  if (start && *start >= translator.model->target_vocab_size()) {
    throw FileError(dir / "generation_config.json", fmt::format("decoder_start_token_id = {}: the model has {} tokens",
                                                                *start, translator.model->target_vocab_size()));
  }
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

std::int64_t max_tokens(const EncoderDecoder& model) {
  return model.max_positions() - 1;
}

void require_fitting(std::span<const TokenId> text, std::int64_t most) {
  if (std::ssize(text) <= most) return;
  throw std::runtime_error(fmt::format("has {} tokens, and the model takes {}", text.size(), most));
}

ParallelSpecialTokens parallel_special_tokens(const EncoderDecoder& model, const TranslationTokenizers& tokenizers) {
  ParallelSpecialTokens special;
  special.start = model.start_token();
  special.source_end = end_token_of(tokenizers.source(), "data.tokenizer");
  special.target_end = model.end_token();
  return special;
}

std::vector<Hypotheses> decode_sources(const Translator& translator, std::span<const std::vector<TokenId>> sources,
                                       BeamSearchOptions options, std::int64_t batch_size) {
  const c10::InferenceMode inference;
  const auto& of_folder = translator.model->generation_config;
  of_folder.apply_constraints_to(options);
  options.eos_token_ids = token_ids(of_folder.eos_token_id);
  if (options.eos_token_ids.empty()) options.eos_token_ids = translator.model->end_tokens();
  options.max_new_tokens = std::min(options.max_new_tokens, translator.model->max_positions());
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
  const auto other_start = of_folder.decoder_start_token_id.value_or(-1);
  const std::vector<TokenId> start = {other_start < 0 ? translator.special.start : static_cast<TokenId>(other_start)};
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
    auto prompts = pad_left(starts, start.front());
    prompts.ids = prompts.ids.to(translator.device);
    prompts.mask = prompts.mask.to(translator.device);
    const auto step = translator.model->start(batch.source, batch.source_lengths, options.max_new_tokens);
    auto found = beam_search(*step, prompts, options);
    for (std::size_t i = 0; i < rows.size(); ++i) results[rows[i]] = std::move(found[i]);
  }
  return results;
}

std::string text_of(const TranslationTokenizers& tokenizers, const Hypothesis& hypothesis) {
  return tokenizers.target().decode_generated(hypothesis.ids, true);
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
                       torch::Device device, Distributed* ranks) {
  const c10::InferenceMode inference;
  TargetNats sum;
  const auto lengths = pair_lengths(corpus, special);
  std::int64_t part = 0;
  for (auto& pairs : batches_by_length(lengths, {.tokens = kTokensAtOnce})) {
    if (!is_own_part(ranks, part++)) continue;
    const auto batch = to_device(parallel_batch(corpus, std::move(pairs), special), device);
    sum.nats += model.loss_sum(batch.source, batch.source_lengths, batch.decoder_input, batch.labels).item<double>();
    sum.tokens += batch.labels.ge(0).sum().item<std::int64_t>();
  }
  double of_all[] = {sum.nats, static_cast<double>(sum.tokens)};
  sum_over(ranks, of_all);
  sum.nats = of_all[0], sum.tokens = static_cast<std::int64_t>(of_all[1]);
  return sum;
}

std::vector<std::vector<double>> target_log_probabilities(EncoderDecoder& model, const ParallelCorpus& corpus,
                                                          const ParallelSpecialTokens& special, torch::Device device) {
  constexpr std::int64_t kLogitsAtOnce = std::int64_t{1} << 26;
  const c10::InferenceMode inference;
  std::vector<std::vector<double>> all(static_cast<std::size_t>(corpus.size()));
  const auto lengths = pair_lengths(corpus, special);
  const auto tokens = std::max<std::int64_t>(1, kLogitsAtOnce / model.target_vocab_size());
  for (auto& pairs : batches_by_length(lengths, {.tokens = std::min(tokens, kTokensAtOnce)})) {
    const auto rows = pairs;
    const auto batch = to_device(parallel_batch(corpus, std::move(pairs), special), device);
    const auto step = model.start(batch.source, batch.source_lengths, batch.labels.size(1));
    const auto logprobs = step->all_logits(batch.decoder_input).log_softmax(-1);  // (B,T,V)
    const auto chosen = logprobs.gather(2, batch.labels.clamp_min(0).unsqueeze(2))
                            .squeeze(2)
                            .to(torch::kCPU, torch::kFloat64);  // (B,T)
    for (std::size_t b = 0; b < rows.size(); ++b) {
      const auto row = static_cast<std::int64_t>(b);
      const auto count = batch.labels[row].ge(0).sum().item<std::int64_t>();
      const auto values = chosen[row].narrow(0, 0, count).contiguous();
      all[static_cast<std::size_t>(rows[b])].assign(values.data_ptr<double>(), values.data_ptr<double>() + count);
    }
  }
  return all;
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

EvaluationPairs open_evaluation_pairs(const PairsOptions& options, const TranslationTokenizers& tokenizers,
                                      std::int64_t most) {
  const auto file = open_pairs(options);
  EvaluationPairs pairs;
  pairs.all = read_all(*file);
  pairs.left_out = file->left_out();
  for (std::size_t i = 0; i < pairs.all.size(); ++i) {
    const auto& pair = pairs.all[i];
    std::vector<TokenId> from, to;
    try {
      tokenizers.source().encode(pair.source, from);
      tokenizers.target().encode(pair.target, to);
      for (const auto& side : {from, to}) require_fitting(side, most);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("{}: line {}: {}", file->name(), pair.line, error.what()));
    }
    if (!has_words(pair.source)) from.clear();
    if (!from.empty() && has_words(pair.target) && !to.empty()) {
      pairs.measured.push_back(i);
      pairs.corpus.add(from, to);
      pairs.references.push_back(pair.target);
    }
    pairs.sources.push_back(std::move(from));
  }
  if (pairs.measured.empty()) throw std::runtime_error(fmt::format("{}: no pair to measure", file->name()));
  return pairs;
}

std::vector<TrainFlag> pair_flags() {
  return {{"--target", "data.train_target"},
          {"--valid", "data.valid"},
          {"--valid-target", "data.valid_target"},
          {"--tokenizer", "data.tokenizer"},
          {"--target-tokenizer", "data.target_tokenizer"}};
}

std::vector<std::string> pair_data_keys() {
  return {"data.train",        "data.train_target", "data.valid",
          "data.valid_target", "data.tokenizer",    "data.target_tokenizer"};
}

class TranslationSetup::Task : public ModelTask<EncoderDecoder, PairCorpus, ParallelBatch> {
 public:
  Task(Translator translator, PairCorpus corpus, const TranslationSetup& setup, const TrainSetting& setting)
      : ModelTask(translator.model, std::move(corpus), setting),
        translator_(std::move(translator)),
        format_{setup.options_.keep_padding},
        translated_(setup.translated_),
        r_drop_(setup.r_drop_),
        sampling_(setup.sampling_) {
    if (sampling_.any()) sampler_ = make_sampler(setup.options_);
    batches_ =
        parallel_batches(data_.train, translator_.special, limits(), seed_, kPrepareAhead, rank_, sampler_.get());
  }
  ~Task() override { batches_.reset(); }  // they are encoded by the tokenizers

  std::string unit() const override { return "target tokens"; }
  std::vector<LossTerm> loss_terms() const override { return terms_with_r_drop(r_drop_); }

  std::string fingerprint() const override {
    const auto batch = batch_.batch_tokens > 0
                           ? fmt::format("target tokens {} in {} parts", batch_.batch_tokens, step_batches())
                           : fmt::format("sentences {}", batch_size_of_all());
    return fmt::format(
        "translation {} batch of {} seed {}{}", data_.fingerprint, batch, seed_,
        sampler_ ? fmt::format(" segmentation {} {}", sampling_.bpe_dropout, sampling_.unigram_alpha) : "");
  }
  std::string accept_fingerprint(const std::string& saved) const override {
    const auto pairs =
        fmt::format("translation pairs {} {:016x} tokens ", data_.train.size(), data_.train.fingerprint());
    if (batch_.batch_tokens == 0 &&
        saved == fmt::format("{}0 sentences {} seed {}", pairs, batch_size_of_all(), seed_)) {
      return "the run was saved by an earlier version: that its validation pairs and tokenizers are the same was not "
             "checked";
    }
    if (batch_.batch_tokens > 0 && saved.starts_with(pairs)) {
      throw std::runtime_error(fmt::format(
          "cannot resume: the run was saved when train.batch_tokens = {} counted the tokens of both sides and padding, "
          "in a micro-batch; now it counts a step's target tokens, so that its batches are others. Start it again, "
          "with about half as many",
          batch_.batch_tokens));
    }
    return TrainingTask::accept_fingerprint(saved);
  }

  MicroBatch next() override {
    const auto step = this->step();
    const auto batch = batches_->next();
    const auto targets = batch.labels.ge(0).sum().item<std::int64_t>();
    if (batch.pairs.empty()) return MicroBatch::nothing(loss_terms().size());
    if (r_drop_ == 0) {
      return {targets, targets, [this, step, batch = to_device(batch, device_)] {
                model_->set_training_step(step);
                return model_->loss_sum(batch.source, batch.source_lengths, batch.decoder_input, batch.labels);
              }};
    }
    return {{2 * targets, targets}, targets, [this, step, batch = to_device(batch, device_)] {
              model_->set_training_step(step);
              const auto sums =
                  model_->r_drop_sums(batch.source, batch.source_lengths, batch.decoder_input, batch.labels);
              return std::vector{sums.cross_entropy, sums.divergence};
            }};
  }

  EvalMetrics evaluate() override {
    if (!data_.valid) return {};
    auto metrics = target_nats(*model_, *data_.valid, translator_.special, device_, ranks_).metrics();
    if (translated_ == 0) return metrics;
    std::vector<std::string> hypotheses, references;
    translate(*data_.valid, std::min(translated_, data_.valid->size()), hypotheses, references);
    text_scores(hypotheses, references, {}).add_to(metrics);
    return metrics;
  }

  void save_model(const std::filesystem::path& dir) override {
    model_->save_pretrained(dir);
    translator_.tokenizers.save(dir);
    format_.save(dir);
  }

  std::vector<ReportSample> samples() {
    model().eval();
    std::vector<std::string> hypotheses, references;
    const auto& corpus = data_.valid ? *data_.valid : data_.train;
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

  std::unique_ptr<SubwordSampler> make_sampler(const PairCorpusOptions& bounds) const {
    auto options = sampling_;
    options.max_source = bounds.max_source;
    options.max_target = bounds.max_target;
    options.seed = seed_;
    const auto& tokenizers = translator_.tokenizers;
    try {
      return std::make_unique<SubwordSampler>(data_.train, tokenizers.source(), tokenizers.target(), options);
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("data.{}", error.what()));
    }
  }

  BatchLimits limits() const {
    if (batch_.batch_tokens == 0) return {.sentences = batch_size_of_all()};
    return limits_by_target_tokens(pair_lengths(data_.train, translator_.special),
                                   std::max<std::int64_t>(1, batch_.batch_tokens / step_batches()));
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

  const Translator translator_;
  const PairFormat format_;
  const std::int64_t translated_;
  const double r_drop_;
  const SubwordSamplerOptions sampling_;
  std::unique_ptr<SubwordSampler> sampler_;  ///< null: every epoch has the corpus's segmentations
};

void TranslationSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting_ = &setting;
  setting.batch.batch_size = 64;
  setting.trainer.weight_decay = 0;
  setting.trainer.clip_norm = 5;
  config.bind("data", options_);
  config.bind("data", [this](FieldVisitor& visit) {
    visit("translated", translated_,
          {.least = 0,
           .help = "pairs of the validation data that every evaluation translates, greedily, for bleu, chrf and "
                   "exact_match"});
    visit("bpe_dropout", sampling_.bpe_dropout,
          {.least = 0,
           .most = 1,
           .help = "of BPE tokenizers: each epoch's segmentations are drawn anew, a merge being left out so often"});
    visit("unigram_alpha", sampling_.unigram_alpha,
          {.least = 0,
           .help = "of Unigram tokenizers, SentencePiece's too: likewise drawn with probability ~ P^alpha; 0: the "
                   "likeliest"});
  });
  config.bind("train", [this](FieldVisitor& visit) {
    visit(
        "label_smoothing", smoothing_.epsilon,
        {.least = 0, .below = 1, .help = "what of each target's probability goes to other tokens; of training alone"});
    visit(
        "label_smoothing_kind", smoothing_kind_,
        {.choices = {kSmoothingNames.begin(), kSmoothingNames.end()},
         .help = "to which: uniform (all, as torch), others (all but the target, as the paper) or others_but_padding"});
  });
  bind_r_drop(config, r_drop_);
  config.bind("model", *config_);
}

std::vector<TrainFlag> TranslationSetup::flags() const {
  auto flags = pair_flags();
  flags.push_back({"--epochs", "train.max_epochs"});
  return flags;
}

void TranslationSetup::complete(RunConfig& config) {
  options_.make_paths_absolute();
  options_.keep_texts = sampling_.any();
  ModelSetup::complete(config);
  if (setting_->trainer.max_epochs > 0) config.set_default("train.max_steps", "1000000000");
}

std::vector<UnreadKeys> unread_pair_keys(const PairCorpusOptions& o) {
  const auto json_lines = [](const std::string& data, const std::string& target) {
    return may_be_json_lines(data) && target.empty();
  };
  return {{!is_pair_task(o.train) && !is_pair_task(o.valid),
           "a run whose pairs come from files",
           {"data.task_pairs", "data.task_seed"}},
          {!json_lines(o.train, o.train_target) && !json_lines(o.valid, o.valid_target),
           "a run without JSON lines",
           {"data.source_key", "data.target_key"}},
          {!o.valid.empty(), "a run with data.valid", {"data.valid_fraction"}}};
}

std::vector<UnreadKeys> TranslationSetup::unread_keys() const {
  auto unread = unread_pair_keys(options_);
  unread.push_back({smoothing_.epsilon == 0, "train.label_smoothing = 0.0", {"train.label_smoothing_kind"}});
  return unread;
}

void TranslationSetup::complete_config(ModelConfig& config, const TranslationTokenizers& tokenizers) const {
  const auto fields = fields_in(config);
  const auto& target = tokenizers.target();
  fill_field(fields, "decoder_start_token_id", start_token_of(target, "data.tokenizer"));
  fill_field(fields, "eos_token_id", end_token_of(target, "data.tokenizer"));
  if (target.special_tokens().bos) fill_field(fields, "bos_token_id", *target.special_tokens().bos);
  complete_vocabulary(config, "source_vocab_size", tokenizers.source());
  complete_vocabulary(config, "target_vocab_size", target);
}

LabelSmoothing TranslationSetup::smoothing_for(const Translator& translator) const {
  auto smoothing = smoothing_;
  const auto kind = std::find(kSmoothingNames.begin(), kSmoothingNames.end(), smoothing_kind_);
  smoothing.kind = static_cast<SmoothingKind>(kind - kSmoothingNames.begin());
  smoothing.padding = translator.tokenizers.target().special_tokens().pad.value_or(-1);
  try {
    smoothing.validate(translator.model->target_vocab_size());
  } catch (const std::invalid_argument& error) {
    throw ConfigError(fmt::format("train.label_smoothing_kind = {}: {}", smoothing_kind_, error.what()));
  }
  return smoothing;
}

std::unique_ptr<TrainingTask> TranslationSetup::make_task(TrainSetting& setting) {
  auto corpus = open_pair_corpus(options_, setting.out, setting.message);
  complete_config(*config_, corpus.tokenizers);
  Translator translator;
  translator.device = setting.device;
  translator.model = make<EncoderDecoder>(setting);
  set_up_model(*translator.model);
  translator.tokenizers = std::move(corpus.tokenizers);
  translator.model->set_label_smoothing(smoothing_for(translator));
  translator.special = parallel_special_tokens(*translator.model, translator.tokenizers);
  auto task = std::make_unique<Task>(std::move(translator), std::move(corpus), *this, setting);
  task_ = task.get();
  return task;
}

std::vector<ReportSample> TranslationSetup::samples() {
  return task_->samples();
}

}  // namespace langzoo
