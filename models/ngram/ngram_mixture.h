/// Several n-gram models as one: P(w | h) is the weighted mean of theirs. Jelinek and Mercer, "Interpolated estimation
/// of Markov source parameters from sparse data" (1980).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/ngram/ngram_model.h"
#include "models/ngram/ngram_text.h"

namespace langzoo {

/// Its vocabulary is that of all models together, in the order of the models. A word that a model does not know shares
/// the probability that the model gives "<unk>" with the others that it does not know, and with "<unk>" itself, in
/// equal parts: so the probabilities sum to 1 where the models' do.
class NGramMixture {
 public:
  using State = std::vector<NGramState>;  ///< one a model

  /// Weights are positive or 0; they are scaled to sum to 1. None: all equal. Throws std::invalid_argument for models
  /// without words, no models, and weights that are not one a model or are all 0.
  explicit NGramMixture(std::vector<NGramModel> models, std::vector<double> weights = {});

  const std::vector<NGramModel>& models() const { return models_; }
  const std::vector<double>& weights() const { return weights_; }
  void set_weights(std::vector<double> weights);
  const NGramVocabulary& words() const { return *words_; }
  std::int32_t vocabulary() const { return static_cast<std::int32_t>(words_->size()); }
  static constexpr std::int32_t sentence_end() { return NGramVocabulary::kSentenceEnd; }

  State start() const;
  State empty() const { return State(models_.size()); }
  /// log P(word | state), naturally; the state then is the one behind the word.
  double log_probability(State& state, std::int32_t word) const;
  void log_probabilities(const State& state, std::span<double> all) const;
  /// P(word | state) of each model.
  void probabilities(State& state, std::int32_t word, std::span<double> of_models) const;

 private:
  struct Part {
    std::vector<std::int32_t> ids;  ///< the model's, by the mixture's
    std::int32_t unknown = 0;       ///< how many of the mixture's words it does not know, and 1
  };
  std::vector<NGramModel> models_;
  std::vector<Part> parts_;
  std::vector<double> weights_;
  std::shared_ptr<const NGramVocabulary> words_;
};

struct MixtureTuning {
  double perplexity = 0;  ///< of the text, with the weights found
  int iterations = 0;
};

/// Chooses the weights that make the text most probable, by expectation maximisation: each becomes the mean share that
/// its model has in the probability of a token, until the mean log P gains less than 1e-9. Throws FileError for a text
/// without tokens, or as NGramText; std::runtime_error where no model gives a token any probability.
MixtureTuning tune_mixture(NGramMixture& mixture, const NGramText& text);

}  // namespace langzoo
