#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "apps/cli/model_checks.h"
#include "apps/cli/train_verb.h"
#include "apps/cli/translation/decode.h"
#include "apps/cli/translation/pair_corpus.h"
#include "apps/cli/translation/scores.h"
#include "models/seq2seq/scheduled_sampling.h"

namespace langzoo {

namespace {

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

/// Gives the model what its tokenizers decide and the configuration left open.
void complete_config(ModelConfig& config, const TranslationTokenizers& tokenizers) {
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

class TranslationTraining : public TrainFamily {
 public:
  explicit TranslationTraining(const TranslationFamily& family) : family_(family) {}

  void bind(RunConfig& config, TrainSetting& setting) override {
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
    config.bind("train", [this](FieldVisitor& visit) {
      visit("teacher_forcing", sampling_.schedule,
            {.choices = {"constant", "linear", "inverse_sigmoid"},
             .help = "the probability of the true token before, rather than the model's own: constant (k), linear "
                     "(max(least, k - c step)) or inverse_sigmoid (k / (k + exp(step / k)))"});
      visit("teacher_forcing_k", sampling_.k, {.least = 0, .help = "k"});
      visit("teacher_forcing_c", sampling_.c, {.least = 0, .help = "c"});
      visit("teacher_forcing_least", sampling_.least, {.least = 0, .most = 1, .help = "least"});
    });
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
    if (setting_->trainer.max_epochs > 0) config.set_default("train.max_steps", "1000000000");
  }

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    try {
      sampling_.validate();
    } catch (const std::invalid_argument& error) {
      throw UsageError(fmt::format("train.teacher_forcing: {}", error.what()));
    }
    auto corpus = open_pair_corpus(options_, setting.out, setting.message);
    complete_config(*config_, corpus.tokenizers);
    Translator translator;
    translator.device = setting.device;
    try {
      translator.model = family_.create(*config_);
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
  std::unique_ptr<ModelConfig> config_ = family_.default_config();
  PairCorpusOptions options_;
  ScheduledSampling sampling_;
  std::int64_t translated_ = 500;
  TrainSetting* setting_ = nullptr;
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
