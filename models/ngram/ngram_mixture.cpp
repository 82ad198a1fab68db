#include "models/ngram/ngram_mixture.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/as_size.h"
#include "data/files/file_error.h"

namespace langzoo {

NGramMixture::NGramMixture(std::vector<NGramModel> models, std::vector<double> weights) : models_(std::move(models)) {
  if (models_.empty()) throw std::invalid_argument("a mixture of no models");
  auto words = std::make_shared<NGramVocabulary>();
  for (const auto& model : models_) {
    if (!model.has_words()) throw std::invalid_argument("a mixture's models need words, and one has ids alone");
    for (std::int32_t id = 0; id < model.vocabulary(); ++id) words->add(model.words().word(id));
  }
  for (const auto& model : models_) {
    auto& part = parts_.emplace_back();
    part.unknown = 1;
    for (std::size_t id = 0; id < words->size(); ++id) {
      const std::int32_t own = model.words().find(words->word(static_cast<std::int32_t>(id)));
      part.ids.push_back(own >= 0 ? own : -1);
      part.unknown += own < 0;
    }
  }
  words_ = std::move(words);
  if (weights.empty()) weights.assign(models_.size(), 1);
  set_weights(std::move(weights));
}

void NGramMixture::set_weights(std::vector<double> weights) {
  if (weights.size() != models_.size()) {
    throw std::invalid_argument(fmt::format("{} weights of {} models", weights.size(), models_.size()));
  }
  for (const double weight : weights) {
    if (!(weight >= 0 && std::isfinite(weight))) throw std::invalid_argument(fmt::format("a weight of {}", weight));
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (sum == 0) throw std::invalid_argument("all weights are 0");
  for (double& weight : weights) weight /= sum;
  weights_ = std::move(weights);
}

NGramMixture::State NGramMixture::start() const {
  State state;
  for (const auto& model : models_) state.push_back(model.start());
  return state;
}

void NGramMixture::probabilities(State& state, std::int32_t word, std::span<double> of_models) const {
  for (std::size_t i = 0; i < models_.size(); ++i) {
    const std::int32_t own = parts_[i].ids.at(as_size(word));
    const bool shared = own <= NGramVocabulary::kUnknown;
    of_models[i] = std::exp(models_[i].log_probability(state[i], shared ? NGramVocabulary::kUnknown : own));
    if (shared) of_models[i] /= parts_[i].unknown;
  }
}

double NGramMixture::log_probability(State& state, std::int32_t word) const {
  std::vector<double> of_models(models_.size());
  probabilities(state, word, of_models);
  return std::log(std::inner_product(weights_.begin(), weights_.end(), of_models.begin(), 0.0));
}

void NGramMixture::log_probabilities(const State& state, std::span<double> all) const {
  for (std::int32_t word = 0; word < vocabulary(); ++word) {
    State after = state;
    all[as_size(word)] = log_probability(after, word);
  }
}

MixtureTuning tune_mixture(NGramMixture& mixture, const NGramText& text) {
  const std::size_t models = mixture.models().size();
  std::vector<float> of_tokens;  // P of each model, token by token, as a part of the largest: that may be tiny
  double log_largest = 0;
  std::uint64_t tokens = 0;
  std::vector<double> of_models(models);
  auto state = mixture.start();
  for_each_token(
      text, mixture.words(), [&] { state = mixture.start(); },
      [&](std::int32_t id) {
        mixture.probabilities(state, id, of_models);
        ++tokens;
        const double largest = *std::max_element(of_models.begin(), of_models.end());
        if (!(largest > 0)) {
          throw FileError(text.name(), fmt::format("token {} is \"{}\", to which no model gives any probability",
                                                   tokens, mixture.words().word(id)));
        }
        log_largest += std::log(largest);
        for (const double p : of_models) of_tokens.push_back(static_cast<float>(p / largest));
      });
  if (tokens == 0) throw FileError(text.name(), "has no word to predict");
  const auto count = static_cast<double>(tokens);
  MixtureTuning tuning;
  std::vector<double> weights(models, 1 / static_cast<double>(models));
  double before = -std::numeric_limits<double>::infinity();
  constexpr int kMostIterations = 1000;
  for (;;) {
    std::vector<double> shares(models);
    double log_p = log_largest;
    for (std::size_t token = 0; token < of_tokens.size(); token += models) {
      double p = 0;
      for (std::size_t i = 0; i < models; ++i) p += weights[i] * static_cast<double>(of_tokens[token + i]);
      log_p += std::log(p);
      for (std::size_t i = 0; i < models; ++i) {
        shares[i] += weights[i] * static_cast<double>(of_tokens[token + i]) / p;
      }
    }
    log_p /= count;
    tuning.perplexity = std::exp(-log_p);
    if (log_p - before < 1e-9 || tuning.iterations == kMostIterations) break;
    before = log_p;
    ++tuning.iterations;
    for (std::size_t i = 0; i < models; ++i) weights[i] = shares[i] / count;
  }
  mixture.set_weights(std::move(weights));
  return tuning;
}

}  // namespace langzoo
