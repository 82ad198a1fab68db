#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "apps/cli/train_verb.h"
#include "apps/cli/translation/decode.h"
#include "apps/cli/translation/pair_corpus.h"
#include "apps/cli/translation/scores.h"
#include "models/seq2seq/scheduled_sampling.h"

namespace langzoo {

namespace {

using Json = RunConfig::Json;

/// Batches made in the background while a step computes.
constexpr std::size_t kPrepareAhead = 2;
constexpr std::int64_t kDecodeBatch = 64;

class TranslationTask : public TrainingTask {
 public:
  TranslationTask(Translator translator, ParallelCorpus train, std::optional<ParallelCorpus> valid,
                  const TrainSetting& setting, ScheduledSampling sampling, std::int64_t translated)
      : translator_(std::move(translator)),
        train_(std::move(train)),
        valid_(std::move(valid)),
        sampling_(std::move(sampling)),
        translated_(translated),
        accumulation_(setting.trainer.accumulation),
        limits_(setting.batch.batch_tokens > 0 ? BatchLimits{.tokens = setting.batch.batch_tokens}
                                               : BatchLimits{.sentences = setting.batch.batch_size}),
        seed_(setting.trainer.seed),
        batches_(parallel_batches(train_, translator_.special, limits_, seed_, kPrepareAhead)) {}

  torch::nn::Module& model() override { return translator_.model->module(); }
  DataPosition position() const override { return batches_->position(); }
  void seek(const DataPosition& position) override { batches_->seek(position); }
  std::int64_t batches_per_epoch() const override { return batches_->batches_per_epoch(); }
  std::string fingerprint() const override {
    return fmt::format("translation pairs {} {:016x} tokens {} sentences {} seed {}", train_.size(),
                       train_.fingerprint(), limits_.tokens, limits_.sentences, seed_);
  }

  MicroBatch next() override {
    const auto at = batches_->position();
    const auto step = (at.epoch * batches_->batches_per_epoch() + at.batch) / accumulation_;
    const auto batch = batches_->next();
    const auto targets = batch.labels.ge(0).sum().item<std::int64_t>();
    const auto sources = batch.source_lengths.sum().item<std::int64_t>();
    const auto loss = [this, batch = to_device(batch, translator_.device), teacher = sampling_.probability(step)] {
      return translator_.model->loss_sum(batch, teacher);
    };
    return {targets, sources + targets, loss};
  }

  EvalMetrics evaluate() override {
    if (!valid_) return {};
    const auto loss = target_nats(*translator_.model, *valid_, translator_.special, translator_.device).per_token();
    EvalMetrics metrics = {{"loss", loss}, {"perplexity", std::exp(loss)}};
    if (translated_ == 0) return metrics;
    std::vector<std::string> hypotheses, references;
    translate(*valid_, std::min(translated_, valid_->size()), hypotheses, references);
    const auto scores = text_scores(hypotheses, references, {});
    metrics["exact_match"] = scores.exact_match;
    metrics["bleu"] = scores.bleu.score;
    return metrics;
  }

  void save_model(const std::filesystem::path& dir) override {
    translator_.model->save(dir);
    translator_.tokenizers.save(dir);
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
  ParallelCorpus train_;
  std::optional<ParallelCorpus> valid_;
  ScheduledSampling sampling_;
  std::int64_t translated_, accumulation_;
  BatchLimits limits_;
  std::uint64_t seed_;
  std::unique_ptr<BatchIterator<ParallelBatch>> batches_;
};

/// null in the configuration means: what the tokenizers say.
void complete_model(Json& model, const TranslationTokenizers& tokenizers) {
  const auto fill = [&](const char* key, std::int64_t value) {
    if (model.contains(key) && model[key].is_null()) model[key] = value;
  };
  const auto& target = tokenizers.target();
  fill("source_vocab_size", static_cast<std::int64_t>(tokenizers.source().vocab_size()));
  fill("target_vocab_size", static_cast<std::int64_t>(target.vocab_size()));
  fill("decoder_start_token_id", start_token_of(target, "data.tokenizer"));
  fill("eos_token_id", end_token_of(target, "data.tokenizer"));
  if (target.special_tokens().bos) fill("bos_token_id", *target.special_tokens().bos);
  for (const auto& [key, tokens] : {std::pair{"source_vocab_size", tokenizers.source().vocab_size()},
                                    std::pair{"target_vocab_size", target.vocab_size()}}) {
    if (model.contains(key) && model[key].is_number_integer() &&
        model[key].get<std::int64_t>() < static_cast<std::int64_t>(tokens)) {
      throw UsageError(fmt::format("model.{} = {}: the tokenizer has {} tokens", key, model[key].dump(), tokens));
    }
  }
}

class TranslationTraining : public TrainFamily {
 public:
  explicit TranslationTraining(const TranslationFamily& family) : family_(family) {}

  Json default_model() const override { return family_.default_model(); }

  void bind(RunConfig& config, TrainSetting& setting) override {
    setting.batch.batch_size = 64;
    setting.trainer.weight_decay = 0;
    setting.trainer.clip_norm = 5;
    bind_pair_corpus(config, options_);
    config.bind("data.translated", translated_,
                "pairs of the validation data that every evaluation translates, greedily, for exact_match and bleu",
                at_least(0));
    config.bind("train.teacher_forcing", sampling_.schedule,
                "the probability of the true token before, rather than the model's own: constant (k), linear "
                "(max(least, k - c step)) or inverse_sigmoid (k / (k + exp(step / k)))",
                one_of({"constant", "linear", "inverse_sigmoid"}));
    config.bind("train.teacher_forcing_k", sampling_.k, "k", at_least(0));
    config.bind("train.teacher_forcing_c", sampling_.c, "c", at_least(0));
    config.bind("train.teacher_forcing_least", sampling_.least, "least", between(0, 1));
  }

  std::vector<TrainFlag> flags() const override {
    return {{"--target", "data.train_target"},
            {"--valid", "data.valid"},
            {"--valid-target", "data.valid_target"},
            {"--tokenizer", "data.tokenizer"},
            {"--target-tokenizer", "data.target_tokenizer"},
            {"--epochs", "train.max_epochs"}};
  }

  void complete(RunConfig& config) override {
    constexpr std::int64_t kUnbounded = 1'000'000'000;
    if (config.value("train.max_epochs").get<std::int64_t>() > 0) config.set_default("train.max_steps", kUnbounded);
  }

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    try {
      sampling_.validate();
    } catch (const std::invalid_argument& error) {
      throw UsageError(fmt::format("train.teacher_forcing: {}", error.what()));
    }
    auto corpus = open_pair_corpus(options_, setting.out, setting.message);
    complete_model(setting.model, corpus.tokenizers);
    Translator translator;
    translator.device = setting.device;
    try {
      translator.model = family_.create(setting.model);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      throw UsageError(one_line(error));
    }
    translator.tokenizers = std::move(corpus.tokenizers);
    translator.special = parallel_special_tokens(*translator.model, translator.tokenizers);
    translator.model->module().to(setting.device);
    auto task = std::make_unique<TranslationTask>(std::move(translator), std::move(corpus.train),
                                                  std::move(corpus.valid), setting, sampling_, translated_);
    task_ = task.get();
    return task;
  }

  std::string notes() const override { return family_.model_help(); }

  std::int64_t tokens_per_sequence() const override { return 0; }  // the batches heed train.batch_tokens

  std::vector<ReportSample> samples() override { return task_->samples(); }

 private:
  const TranslationFamily& family_;
  PairCorpusOptions options_;
  ScheduledSampling sampling_;
  std::int64_t translated_ = 500;
  TranslationTask* task_ = nullptr;
};

}  // namespace

std::unique_ptr<Verb> translation_train_verb(const TranslationFamily& family) {
  const std::string examples =
      "train --data addition --preset addition-peeky --out run\n"
      "train --data train.tsv --valid valid.tsv --preset translation-small --out run\n"
      "train --data train.en --target train.fr --preset translation-small --out run --set model.attention=dot\n"
      "train --data train.tsv --tokenizer train:bytebpe:16000 --epochs 5 --out run --set model.hidden_size=512\n"
      "train --out run --resume\n";
  return std::make_unique<TrainVerb>(family.program(), examples,
                                     [&family] { return std::make_unique<TranslationTraining>(family); });
}

}  // namespace langzoo
