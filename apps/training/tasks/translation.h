/// Translation, for every model that is an EncoderDecoder: training on sentence pairs, beam search and evaluation.
///
///     const auto translator = langzoo::load_translator("run");
///     for (const auto& text : langzoo::translate(translator, {"she reads", "12+5"}, {.num_beams = 5})) ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "apps/training/metric.h"
#include "apps/training/pair_corpus.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/task_setup.h"
#include "data/metrics/bleu.h"
#include "data/parallel/parallel_corpus.h"
#include "models/encoder_decoder.h"
#include "models/generation/beam_search.h"
#include "models/pretrained.h"

namespace langzoo {

/// A model ready for sentences.
struct Translator {
  TranslationTokenizers tokenizers;
  std::shared_ptr<EncoderDecoder> model;
  ParallelSpecialTokens special;
  torch::Device device = torch::kCPU;
};

/// What `dir` holds, as a model of `registered`. Throws FileError where a tokenizer is missing or has ids that the
/// model does not know. `report`: what of the model was not as it should be, and yet could be loaded.
Translator load_translator(const RegisteredModel& registered, const std::filesystem::path& dir,
                           const DeviceOptions& options = {}, LoadReport* report = nullptr);
/// As the model that its config.json names.
Translator load_translator(const std::filesystem::path& dir, const DeviceOptions& options = {});

/// The special tokens of a model and its tokenizers. Sources end as the source's tokenizer ends sentences.
ParallelSpecialTokens parallel_special_tokens(const EncoderDecoder& model, const TranslationTokenizers& tokenizers);

/// The batch on `device`.
ParallelBatch to_device(ParallelBatch batch, torch::Device device);

/// Sentences at a time, where nobody says how many.
inline constexpr std::int64_t kDecodeBatch = 64;

using Hypotheses = std::vector<Hypothesis>;

/// The best hypotheses of each source, best first; of a source without tokens one that is empty. `options` need no end
/// tokens: they are the model's. What a source becomes does not depend on the others, nor on how many at a time
/// `batch_size` says.
std::vector<Hypotheses> decode_sources(const Translator& translator, std::span<const std::vector<TokenId>> sources,
                                       BeamSearchOptions options, std::int64_t batch_size);
/// Without special tokens, the end token among them.
std::string text_of(const TranslationTokenizers& tokenizers, const Hypothesis& hypothesis);
/// The best translation of each sentence.
std::vector<std::string> translate(const Translator& translator, const std::vector<std::string>& sentences,
                                   const BeamSearchOptions& options = {});

struct TargetNats {
  double nats = 0;  ///< -ln p of all target tokens, each given the true ones before it
  std::int64_t tokens = 0;

  double per_token() const { return nats / static_cast<double>(tokens); }
  double perplexity() const;
  /// loss and perplexity.
  EvalMetrics metrics() const;
};

/// Of every pair; end tokens count. The model must be in evaluation mode.
TargetNats target_nats(EncoderDecoder& model, const ParallelCorpus& corpus, const ParallelSpecialTokens& special,
                       torch::Device device);

struct TextScores {
  BleuScore bleu;
  std::string bleu_signature;
  double chrf = 0;         ///< in per cent
  double exact_match = 0;  ///< hypotheses that are their reference to the letter, in per cent

  /// Adds bleu, chrf and exact_match.
  void add_to(EvalMetrics& metrics) const;
};

/// Throws std::invalid_argument where there is no text.
TextScores text_scores(const std::vector<std::string>& hypotheses, const std::vector<std::string>& references,
                       const BleuOptions& options);

/// Sentence pairs to measure a translator on.
struct EvaluationPairs {
  std::vector<SentencePair> all;
  // Without those of which a side is empty:
  ParallelCorpus corpus;
  std::vector<std::vector<TokenId>> sources;
  std::vector<std::string> references;
};
/// Throws what open_pairs() throws, and std::runtime_error naming the line that a tokenizer refuses, or that no pair is
/// left.
EvaluationPairs open_evaluation_pairs(const PairsOptions& options, const TranslationTokenizers& tokenizers);
/// What is read where nobody says how much: of made up pairs those that follow the ones of a training with its
/// defaults.
PairsOptions evaluation_pairs_defaults();

/// Training on sentence pairs: the sections `data` (pair_corpus.h, and data.translated) and `model`. A family with
/// settings of its own derives from it.
class TranslationSetup : public TaskSetup {
 public:
  /// `config` is that of a run that says nothing: its tokenizers give vocabulary sizes and token ids where they are
  /// kFromTokenizer or have no value.
  TranslationSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config);
  ~TranslationSetup() override;

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<TrainFlag> flags() const override;
  std::vector<std::string> data_keys() const override;
  void complete(RunConfig& config) override;
  std::vector<std::string> metric_names() const override {
    if (translated_ == 0) return {"loss", "perplexity"};
    return {"loss", "perplexity", "exact_match", "bleu"};
  }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;
  std::int64_t tokens_per_sequence() const override { return 0; }  // the batches heed train.batch_tokens
  std::vector<ReportSample> samples() override;

 protected:
  /// Fills what the tokenizers decide and the configuration left open. Throws ConfigError naming the key that
  /// contradicts them.
  virtual void complete_config(ModelConfig& config, const TranslationTokenizers& tokenizers) const;
  /// A model just made, before its training.
  virtual void set_up_model(EncoderDecoder& /*model*/) const {}

 private:
  class Task;

  const RegisteredModel& registered_;
  std::unique_ptr<ModelConfig> config_;
  PairCorpusOptions options_;
  std::int64_t translated_ = 500;
  TrainSetting* setting_ = nullptr;
  Task* task_ = nullptr;  ///< the run's
};

}  // namespace langzoo
