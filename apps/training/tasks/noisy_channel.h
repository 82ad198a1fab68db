/// Translation through a noisy channel (models/noisy_channel), which is counted at once: training, translation and
/// evaluation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/training/metric.h"
#include "apps/training/pair_corpus.h"
#include "apps/training/task_setup.h"
#include "apps/training/tasks/translation.h"
#include "models/noisy_channel/noisy_channel_model.h"

namespace langzoo {

struct NoisyChannelTraining {
  NoisyChannelConfig model;  ///< the n-grams, and how is searched; the corpus decides the rest
  std::int64_t model1_iterations = 5, model2_iterations = 5, max_words = 100;
  std::int64_t tuning_pairs = 200;

  /// But for the model: the section `train`.
  void for_each_field(FieldVisitor& visit);
};

struct TrainedNoisyChannel {
  NoisyChannelModel model;
  std::vector<double> log_likelihoods;  ///< of the sources given the targets, before each iteration, in nats
  // Of the validation pairs, where there are some:
  std::optional<double> language_perplexity;
  std::optional<double> bleu;  ///< with the weights that were chosen; none where none were tuned

  /// language_perplexity and bleu.
  EvalMetrics metrics() const;
};

/// IBM Model 1 and from it Model 2 of the sources, an n-gram model of the targets; then the weights of the search that
/// give the first `tuning_pairs` of the validation pairs the highest BLEU, by coordinate ascent: the word bonus, the
/// language weight and the jump penalty, one after the other, go up or down in steps as long as BLEU rises; then again
/// in half steps. Throws std::invalid_argument where no pair is short enough, or for options out of range.
TrainedNoisyChannel train_noisy_channel(const PairCorpus& corpus, const NoisyChannelTraining& training,
                                        const Message& message);

/// A model ready for sentences. Tokens of a source that it does not know are copied, or where the targets have no
/// tokens for their text left out.
class NoisyChannelTranslator {
 public:
  NoisyChannelTranslator(NoisyChannelModel model, TranslationTokenizers tokenizers);
  NoisyChannelTranslator(const NoisyChannelTranslator&) = delete;
  NoisyChannelTranslator& operator=(const NoisyChannelTranslator&) = delete;

  const NoisyChannelModel& model() const { return model_; }
  const TranslationTokenizers& tokenizers() const { return tokenizers_; }
  /// As NoisyChannel::set_options().
  void set_options(const NoisyChannelOptions& options);

  /// The best hypotheses of each source, best first; on LibTorch's threads.
  std::vector<Hypotheses> translate(std::span<const std::vector<TokenId>> sources, int n_best = 1) const;
  /// A hypothesis as text, in which the words of `source`, the sentence that it translates, stand for unknown tokens.
  /// Which became which is not known: they are taken in order.
  std::string text(const Hypothesis& hypothesis, const std::string& source) const;
  /// exp of the mean nats of the targets' tokens and ends under the language model.
  double language_perplexity(const ParallelCorpus& corpus) const;

  struct UnknownTokens {
    std::int64_t copied = 0, left_out = 0;
  };
  UnknownTokens unknown_tokens(std::span<const std::vector<TokenId>> sources) const;

 private:
  std::vector<TokenId> copy_of(TokenId id) const;
  std::vector<std::string> copied_words(const std::string& source) const;

  NoisyChannelModel model_;
  TranslationTokenizers tokenizers_;
  NoisyChannel channel_;
};

/// What `dir` holds. Throws FileError where a tokenizer is missing or has ids that the model does not know.
std::unique_ptr<NoisyChannelTranslator> load_noisy_channel(const std::filesystem::path& dir);

/// bleu, chrf, exact_match and language_perplexity.
EvalMetrics evaluate_noisy_channel(const NoisyChannelTranslator& translator, const EvaluationPairs& pairs);

/// Training as a run of one step: the sections `data` (pair_corpus.h), `model` and `train`.
std::unique_ptr<TaskSetup> noisy_channel_setup();

}  // namespace langzoo
