/// The recurrent encoder of taggers and classifiers: words as vectors, made of an embedding, of their characters and of
/// features that another model has for them, read by layers of RNN, LSTM or GRU in one direction or both.
///
///     x_t = dropout([embedding(w_t); characters(w_t); gamma sum_j softmax(s)_j features_j(w_t)])
///     h   = dropout(rnn(x))                              each direction H wide
///
/// Letters: B rows, T tokens, W characters, V vocabulary, E embedding, F characters' vector, C features, D directions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <torch/nn/modules/embedding.h>

#include "models/io/class_labels.h"
#include "models/io/config_fields.h"
#include "models/layers/character_encoder.h"
#include "models/layers/recurrent.h"
#include "models/layers/scalar_mixture.h"
#include "models/task_module.h"
#include "models/token_features.h"
#include "models/token_inputs.h"

namespace langzoo {

/// What taggers and classifiers have in their config.json, named as the recurrent language models'.
struct TaggerEncoderConfig {
  std::int64_t vocab_size = kFromTokenizer;
  std::string cell = "lstm";          ///< rnn_tanh, rnn_relu, lstm, gru
  std::int64_t embedding_size = 100;  ///< E; 0: no embedding of words
  std::int64_t hidden_size = 100;     ///< H
  std::int64_t layers = 1;
  bool bidirectional = true;
  double dropout = 0.5;              ///< training: of what enters each layer, and of what the last one gives
  bool variational_dropout = false;  ///< one mask for all steps, but between layers
  /// Training: a word that the training data has once is the unknown word with this probability (Lample et al. 2016,
  /// section 4.3); 0: never.
  double singleton_dropout = 0.5;
  std::optional<std::int64_t> unk_token_id;

  std::string characters = "none";  ///< none, cnn, lstm
  std::int64_t character_embedding_size = 25;
  std::int64_t character_hidden_size = 50;  ///< F
  std::int64_t character_width = 3;         ///< of the convolution
  std::int64_t max_characters = 50;         ///< of a word
  std::vector<std::string> alphabet;        ///< the characters that it knows, from the training data

  std::string features;                                ///< "elmo:DIR"; empty: none
  std::int64_t feature_layers = 0, feature_width = 0;  ///< J, C

  ClassLabels labels;

  std::int64_t encoded_width() const { return hidden_size * (bidirectional ? 2 : 1); }

 protected:
  void visit_encoder_fields(FieldVisitor& visit);
  /// What fields require of each other; `what` begins the error.
  void check_encoder(const std::string& what) const;
};

struct TaggerStates {
  torch::Tensor hidden;   ///< (T,B,D H), zeros on padding
  torch::Tensor last;     ///< (B,D H): where the forward direction ends, and the backward one
  torch::Tensor lengths;  ///< (B) int64, tokens of each row
};

/// Registers its layers at the model itself: embedding, characters, mixture, rnn.
class TaggerEncoder {
 public:
  TaggerEncoder(torch::nn::Module& at, const TaggerEncoderConfig& config);

  /// Rows are padded on the right. Throws std::invalid_argument for inputs that lack what the config reads.
  TaggerStates operator()(const TokenInputs& inputs);
  torch::Tensor drop(const torch::Tensor& x) const;  ///< Shapes: (T,B,...) alike

  std::int32_t character_id(std::string_view character) const;
  /// Which words the training data has once. Shapes: (V) bool.
  void set_singletons(const torch::Tensor& singletons) { singletons_ = singletons; }
  void set_features(std::shared_ptr<const TokenFeatures> features);
  const TokenFeatures* features() const { return features_.get(); }
  torch::nn::Embedding embedding() const { return embedding_; }

 private:
  torch::Tensor with_unknown(const torch::Tensor& ids) const;

  const torch::nn::Module& at_;
  const TaggerEncoderConfig& config_;  ///< the model's
  torch::nn::Embedding embedding_{nullptr};
  CharacterEncoder characters_{nullptr};
  ScalarMixture mixture_{nullptr};
  Recurrent rnn_{nullptr};
  std::unordered_map<std::string, std::int32_t> character_ids_;
  torch::Tensor singletons_;
  std::shared_ptr<const TokenFeatures> features_;
};

/// What training tells a model of its data.
class TaggerModel : public TokenTextReader {
 public:
  virtual TaggerEncoder& encoder() = 0;
  virtual const TaggerEncoderConfig& encoder_config() const = 0;
};

/// A tagger or a classifier.
template <class Impl, class ConfigType, class Interface>
class TaggerTaskModule : public TaskModule<Impl, ConfigType, Interface>, public TaggerModel {
 public:
  std::int64_t vocab_size() const override { return this->config_.vocab_size; }
  std::int64_t n_positions() const override { return 0; }
  const ClassLabels& labels() const override { return this->config_.labels; }

  std::int64_t max_characters() const override {
    return this->config_.characters == "none" ? 0 : this->config_.max_characters;
  }
  std::int32_t character_id(std::string_view character) const override { return encoder_.character_id(character); }
  const std::string& feature_source() const override { return this->config_.features; }
  void set_features(std::shared_ptr<const TokenFeatures> features) override {
    encoder_.set_features(std::move(features));
  }
  const TokenFeatures* features() const override { return encoder_.features(); }
  TaggerEncoder& encoder() override { return encoder_; }
  const TaggerEncoderConfig& encoder_config() const override { return this->config_; }

 protected:
  explicit TaggerTaskModule(const ConfigType& config)
      : TaskModule<Impl, ConfigType, Interface>(checked(config)), encoder_(*this, this->config_) {}

  TaggerEncoder encoder_;

 private:
  static const ConfigType& checked(const ConfigType& config) {
    config.validate();
    return config;
  }
};

}  // namespace langzoo
