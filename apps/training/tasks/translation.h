/// Translation, for every model that is an EncoderDecoder: training on sentence pairs, beam search and evaluation.
///
///     const auto translator = langzoo::load_translator("run");
///     for (const auto& text : langzoo::translate(translator, {"she reads", "12+5"}, {.num_beams = 5})) ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
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
#include "data/parallel/subword_sampler.h"
#include "models/encoder_decoder.h"
#include "models/generation/beam_search.h"
#include "models/pretrained.h"

namespace langzoo {

/// A model ready for sentences.
struct Translator {
  TranslationTokenizers tokenizers;
  std::shared_ptr<EncoderDecoder> model;  ///< in evaluation mode
  ParallelSpecialTokens special;
  torch::Device device = torch::kCPU;
};

/// What `dir` holds, as a model of `registered`. Throws FileError where a tokenizer is missing or has ids that the
/// model does not know. `report`: what of the model was not as it should be, and yet could be loaded.
Translator load_translator(const RegisteredModel& registered, const std::filesystem::path& dir,
                           const DeviceOptions& options = {}, LoadReport* report = nullptr);
/// As the model that its config.json names.
Translator load_translator(const std::filesystem::path& dir, const DeviceOptions& options = {});

/// Tokens that a side may have without its special ones, of which each has one.
std::int64_t max_tokens(const EncoderDecoder& model);
/// Throws std::runtime_error for a text of more tokens than `most`.
void require_fitting(std::span<const TokenId> text, std::int64_t most);

/// The special tokens of a model and its tokenizers. Sources end as the source's tokenizer ends sentences.
ParallelSpecialTokens parallel_special_tokens(const EncoderDecoder& model, const TranslationTokenizers& tokenizers);

/// Sentences at a time, where nobody says how many.
inline constexpr std::int64_t kDecodeBatch = 64;

using Hypotheses = std::vector<Hypothesis>;

/// The best hypotheses of each source, best first; of a source without tokens one that is empty. `options` need no end
/// tokens: they are the model's, whose positions end a translation as well. What its folder forbids or forces
/// (GenerationConfig) holds too. What a source becomes does not depend on the others, nor on how many at a time
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

/// Of every pair; end tokens count. The model must be in evaluation mode. Several `ranks` share the pairs.
TargetNats target_nats(EncoderDecoder& model, const ParallelCorpus& corpus, const ParallelSpecialTokens& special,
                       torch::Device device, Distributed* ranks = nullptr);

/// The natural logarithm of the probability of each target token, given the true ones before it; end tokens are the
/// last. One list a pair. The model must be in evaluation mode.
std::vector<std::vector<double>> target_log_probabilities(EncoderDecoder& model, const ParallelCorpus& corpus,
                                                          const ParallelSpecialTokens& special, torch::Device device);

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
  std::string left_out;                       ///< SentencePairs::left_out of them
  std::vector<std::vector<TokenId>> sources;  ///< of all, empty where the sentence is
  // Of those both of whose sides have words:
  std::vector<std::size_t> measured;  ///< where they are among all
  ParallelCorpus corpus;
  std::vector<std::string> references;
};
/// Throws what open_pairs() throws, and std::runtime_error naming the line that a tokenizer refuses or of which a side
/// has more tokens than `most`, or that no pair is left.
EvaluationPairs open_evaluation_pairs(const PairsOptions& options, const TranslationTokenizers& tokenizers,
                                      std::int64_t most = std::numeric_limits<std::int64_t>::max());

// What every training on the pairs of PairCorpusOptions has: flags, the keys that name data, those without effect.
std::vector<TrainFlag> pair_flags();
std::vector<std::string> pair_data_keys();
std::vector<UnreadKeys> unread_pair_keys(const PairCorpusOptions& options);

/// Training on sentence pairs: the sections `data` (pair_corpus.h, data.translated and those of SubwordSampler),
/// `train` (label smoothing, R-Drop) and `model`. A family with settings of its own derives from it.
class TranslationSetup : public ModelSetup {
 public:
  /// The tokenizers give vocabulary sizes and token ids.
  using ModelSetup::ModelSetup;

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<TrainFlag> flags() const override;
  std::vector<std::string> data_keys() const override { return pair_data_keys(); }
  std::string unread_beside_batch_tokens() const override { return "train.batch_size"; }
  void complete(RunConfig& config) override;
  std::vector<UnreadKeys> unread_keys() const override;
  std::vector<std::string> metric_names() const override {
    if (translated_ == 0) return {"loss", "perplexity"};
    return {"loss", "perplexity", "exact_match", "bleu", "chrf"};
  }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;
  std::vector<ReportSample> samples() override;

 protected:
  /// Fills what the tokenizers decide and the configuration left open. Throws ConfigError naming the key that
  /// contradicts them.
  virtual void complete_config(ModelConfig& config, const TranslationTokenizers& tokenizers) const;
  /// A model just made, before its training.
  virtual void set_up_model(EncoderDecoder& /*model*/) const {}

 private:
  class Task;

  LabelSmoothing smoothing_for(const Translator& translator) const;

  PairCorpusOptions options_;
  SubwordSamplerOptions sampling_;
  std::int64_t translated_ = 500;
  double r_drop_ = 0;
  LabelSmoothing smoothing_;
  std::string smoothing_kind_ = "others";
  TrainSetting* setting_ = nullptr;
  Task* task_ = nullptr;  ///< the run's
};

}  // namespace langzoo
