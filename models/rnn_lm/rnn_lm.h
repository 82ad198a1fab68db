/// Recurrent language models: a token's embedding goes through layers of RNN, LSTM or GRU, whose top state predicts the
/// next token. Their ancestor, the feed-forward model of Bengio et al. 2003 (ar_lm.h), sees the last n words only.
///
/// Papers: Mikolov et al. 2010 (the Elman RNN); Zaremba, Sutskever and Vinyals 2014, https://arxiv.org/abs/1409.2329
/// (stacked LSTM, dropout between layers); Gal and Ghahramani 2016, https://arxiv.org/abs/1512.05287 (one mask over
/// time, embeddings of whole words dropped); Press and Wolf 2017, https://arxiv.org/abs/1608.05859 (tied weights);
/// Merity, Keskar and Socher 2018, https://arxiv.org/abs/1708.02182 (AWD-LSTM: recurrent weights dropped). Parameter
/// names are torch.nn's: embedding, rnn (an RNN, LSTM or GRU of `layers` layers), output (a Linear).
///
///     langzoo-lm train --model lstm --data book.txt --out run
///
///     auto model = langzoo::from_pretrained<langzoo::RnnLm>("run");
///     auto memory = model->memory(1);
///     auto logits = model->output_logits(model->read(ids, memory).hidden);  // memory goes on behind ids
///
/// Letters: B rows, T tokens, E embedding, C width of the top layer, V vocabulary, L layers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/nn/modules/embedding.h>

#include "models/layers/linear.h"
#include "models/layers/recurrent.h"
#include "models/losses/adaptive_softmax.h"
#include "models/stream_lm.h"
#include "models/task_module.h"

namespace langzoo {

/// config.json of model_type "rnn-lm".
struct RnnLmConfig {
  std::int64_t vocab_size = 10000;
  std::string cell = "lstm";  ///< rnn_tanh, rnn_relu, lstm, gru
  std::int64_t embedding_size = 200;
  std::int64_t hidden_size = 200;
  std::int64_t layers = 2;
  /// The output layer's matrix is the embedding. Where hidden_size is another width, the top layer has embedding_size.
  bool tie_word_embeddings = false;

  double dropout = 0.0;                  ///< training: of what enters each layer and the output layer
  std::optional<double> input_dropout;   ///< of what enters the lowest layer; dropout when null
  std::optional<double> hidden_dropout;  ///< of what passes from layer to layer; dropout when null
  bool variational_dropout = false;      ///< these have one mask for all steps
  double embedding_dropout = 0.0;        ///< the share of the vocabulary whose embedding is zero
  double weight_drop = 0.0;              ///< the share of weight_hh that is zero, drawn once for all steps

  /// Large vocabularies: the output layer is an adaptive softmax with these cutoffs (models/losses/adaptive_softmax.h).
  std::vector<std::int64_t> adaptive_cutoffs;
  /// Likewise: training compares each word with so many drawn ones (models/losses/sampled_softmax.h); 0: with all.
  std::int64_t sampled_softmax = 0;

  double initializer_range = 0.1;  ///< embedding and output are U(-r, r), recurrent layers as torch.nn has them
  std::optional<std::int64_t> bos_token_id;
  std::vector<std::int64_t> eos_token_id;  ///< any of these

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;

  AdaptiveSoftmaxOptions adaptive_softmax() const;
  /// Of a layer's states, counted from 0.
  std::int64_t layer_width(std::int64_t layer) const {
    return tie_word_embeddings && layer + 1 == layers ? embedding_size : hidden_size;
  }
};

/// Recurrent layers that need not be alike, under the names of one torch.nn module.
class RecurrentLayersImpl : public torch::nn::Module {
 public:
  explicit RecurrentLayersImpl(const RnnLmConfig& config);

  std::vector<Recurrent> layers;  ///< of one layer each, whose parameters are registered here
};
TORCH_MODULE(RecurrentLayers);

class RnnLmImpl : public TaskModule<RnnLmImpl, RnnLmConfig, StreamLm> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Initialised as the config says, from torch's default generator. Throws std::invalid_argument.
  explicit RnnLmImpl(const RnnLmConfig& config);

  /// h of each layer, then c of each, of an LSTM; zeros. Shapes: 1 or 2 L tensors (1,B,C).
  StreamMemory memory(std::int64_t rows) const override;
  StreamStates read(const torch::Tensor& ids, StreamMemory& memory) override;
  /// As read(); `each` gets the embedded tokens and what each layer makes of them, undropped. Shapes: (T,B,C) of each.
  StreamStates read(const torch::Tensor& ids, StreamMemory& memory, std::vector<torch::Tensor>* each);
  /// Of an adaptive softmax they are logarithms of probabilities.
  torch::Tensor output_logits(const torch::Tensor& hidden) override;
  torch::Tensor output_loss(const torch::Tensor& hidden, const torch::Tensor& targets) override;

  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::vector<std::int32_t> end_tokens() const override;

  torch::nn::Embedding embedding{nullptr};
  RecurrentLayers rnn{nullptr};
  Linear output{nullptr};             ///< its weight is the embedding itself when tied
  AdaptiveSoftmax adaptive{nullptr};  ///< "output" too, in its place

 private:
  torch::Tensor embed(const torch::Tensor& ids) const;
  torch::Tensor drop(const torch::Tensor& x, double p) const;
};
TORCH_MODULE(RnnLm);

}  // namespace langzoo
