/// ELMo, embeddings from a bidirectional language model: words are read letter by letter by convolutions, then two
/// LSTMs read the sentence, one from each end; a task mixes the layers as it likes (models/layers/scalar_mixture.h).
/// Its ancestors are the recurrent language models of rnn_lm/, which see words as ids and read one way.
///
/// Papers: Peters et al. 2018, https://arxiv.org/abs/1802.05365; Jozefowicz et al. 2016,
/// https://arxiv.org/abs/1602.02410 (the wiring); Kim et al. 2016, https://arxiv.org/abs/1508.06615 (the convolutions).
/// Reference: allenai/bilm-tf, BidirectionalLanguageModel, whose released weights elmo_features.h reads.
///
///     langzoo-lm train --model elmo --data book.txt --out run
///     langzoo-lm features --model run --data sentences.txt --json
///
///     const auto elmo = langzoo::ElmoFeatures::load("run");
///     const auto layers = elmo.layers(words);  // (L+1,T,2P)
///
/// Letters: N different words, M characters a word, B rows, T words, F filters, P width of the projections, H cells,
/// L layers, V words that are predicted.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>

#include "models/layers/linear.h"
#include "models/layers/projected_lstm.h"
#include "models/task_module.h"

namespace langzoo {

/// config.json of model_type "elmo". The defaults are the published model's.
struct ElmoConfig {
  std::int64_t vocab_size = 793471;  ///< V
  std::int64_t character_size = 16;  ///< width of a character's embedding
  std::int64_t max_characters = 50;  ///< M: bytes of a word, and two for where it begins and ends
  /// Convolutions: characters that they see at once, and how many of them.
  std::vector<std::vector<std::int64_t>> filters = {{1, 32}, {2, 32}, {3, 64}, {4, 128}, {5, 256}, {6, 512}, {7, 1024}};
  std::string activation = "relu";  ///< of the convolutions: relu, tanh
  std::int64_t highway_layers = 2;
  std::int64_t projection_size = 512;         ///< P, of words and of the LSTMs' states
  std::int64_t hidden_size = 4096;            ///< H; the states are not projected where it is P
  std::int64_t layers = 2;                    ///< L, of each direction
  double cell_clip = 3, projection_clip = 3;  ///< 0: no clipping
  bool skip_connections = true;               ///< a layer's input is added to its output, but for the first layer
  double dropout = 0.1;                       ///< training: of what enters each layer and the output layer
  std::int64_t sampled_softmax = 0;           ///< as RnnLmConfig has it
  std::vector<std::int64_t> eos_token_id;     ///< what stands between sentences

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;

  std::int64_t filter_count() const;  ///< F
};

/// Characters as the released code numbers them: the bytes of UTF-8, where a sentence begins and ends, where a word
/// does, and padding.
inline constexpr std::int16_t kElmoSentenceBegin = 256, kElmoSentenceEnd = 257, kElmoWordBegin = 258,
                              kElmoWordEnd = 259, kElmoPadding = 260;
inline constexpr std::int64_t kElmoCharacters = 261;  ///< how many there are

/// Where a word begins, its bytes (of a long one the first M - 2), where it ends, padding. The first two rows are the
/// sentence's begin and its end, those of `words` follow. Shapes: -> (2+N,M) int16.
torch::Tensor elmo_characters(std::span<const std::string> words, std::int64_t max_characters);
inline constexpr std::int64_t kElmoBeginRow = 0, kElmoEndRow = 1, kElmoFirstWordRow = 2;

/// Two matrices of a highway layer (Srivastava et al. 2015): carry relu(transform(x)) + (1 - carry) x with
/// carry = sigmoid(carry(x)), named as in the released weights.
class ElmoHighwayImpl : public torch::nn::Module {
 public:
  explicit ElmoHighwayImpl(std::int64_t width);
  /// Shapes: x (N,F) -> (N,F).
  torch::Tensor forward(const torch::Tensor& x);

  Linear carry{nullptr}, transform{nullptr};
};
TORCH_MODULE(ElmoHighway);

/// One width of filters over the characters and the largest value over all places.
class ElmoConvolutionImpl : public torch::nn::Module {
 public:
  /// `relu` decides how it begins.
  ElmoConvolutionImpl(std::int64_t characters, std::int64_t width, std::int64_t filters, bool relu);
  /// Shapes: x (N,character_size,M) -> (N,filters).
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight, bias;  ///< as torch.nn.Conv1d's: (filters,character_size,width), (filters)
};
TORCH_MODULE(ElmoConvolution);

/// The token layer.
class ElmoTokenLayerImpl : public torch::nn::Module {
 public:
  explicit ElmoTokenLayerImpl(const ElmoConfig& config);
  /// Shapes: characters (N,M) -> (N,P).
  torch::Tensor forward(const torch::Tensor& characters);

  torch::nn::Embedding char_embedding{nullptr};
  torch::nn::ModuleList convolutions{nullptr}, highways{nullptr};
  Linear projection{nullptr};  ///< none where F is P

 private:
  bool relu_;
  std::int64_t widest_ = 1;
};
TORCH_MODULE(ElmoTokenLayer);

/// What rows have left behind of one direction: h (1,B,P) of each layer, then c (1,B,H) of each.
using ElmoMemory = std::vector<torch::Tensor>;

enum class ElmoDirection { kForward, kBackward };

/// The model without the output layer.
class ElmoModelImpl : public TaskModule<ElmoModelImpl, ElmoConfig, TokenModel> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Initialised as the released code trains it, from torch's default generator. Throws std::invalid_argument.
  explicit ElmoModelImpl(const ElmoConfig& config);

  /// Zeros.
  ElmoMemory memory(std::int64_t rows) const;
  /// One direction's layers in the order in which it reads: the backward one is given its words back to front. `memory`
  /// goes on behind the last, with its graph. Shapes: words (T,B,P) -> L tensors (T,B,P).
  std::vector<torch::Tensor> read(ElmoDirection direction, const torch::Tensor& words, ElmoMemory& memory);
  /// All layers of sentences, each read from states of zero between its begin and its end; layer 0 is the token layer
  /// twice, others are forward and backward side by side. Zeros behind a sentence's last word. `characters` as
  /// elmo_characters() gives them, `words` (B,T) int64 its rows (whatever behind a sentence's end), `lengths` (B) int64
  /// from 0 to T, on the CPU. -> (L+1,B,T,2P).
  torch::Tensor layers(const torch::Tensor& characters, const torch::Tensor& words, const torch::Tensor& lengths);

  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return 0; }

  ElmoTokenLayer token_layer{nullptr};
  torch::nn::ModuleList forward_layers{nullptr}, backward_layers{nullptr};
};
TORCH_MODULE(ElmoModel);

/// A batch of two streams of the same words, one of them back to front.
struct ElmoStreams {
  torch::Tensor characters;  ///< (N,M) of the words in it
  torch::Tensor forward;     ///< (B,T) int64, rows of `characters`
  torch::Tensor backward;    ///< (B,T) likewise, in the order in which it is read
};

/// What the output layer reads after each word: to predict the next one, or the one before.
struct ElmoStates {
  torch::Tensor forward, backward;  ///< (T,B,P)
};

/// The bidirectional language model; both directions share the token layer and the output layer.
class ElmoLmImpl : public TaskModule<ElmoLmImpl, ElmoConfig, TokenModel> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// As ElmoModel; the output layer's weights are N(0, 1/P).
  explicit ElmoLmImpl(const ElmoConfig& config);

  /// The forward direction's, then the backward's: 4 L tensors.
  ElmoMemory memory(std::int64_t rows) const;
  /// Reads on with both directions.
  ElmoStates read(const ElmoStreams& streams, ElmoMemory& memory);
  /// Shapes: hidden (...,P) -> (...,V).
  torch::Tensor output_logits(const torch::Tensor& hidden) { return output(hidden); }
  /// Cross-entropy summed over the targets; in training against sampled words where the config says so.
  /// Shapes: hidden (N,P), targets (N) int64 -> scalar.
  torch::Tensor output_loss(const torch::Tensor& hidden, const torch::Tensor& targets);

  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return 0; }

  ElmoModel elmo{nullptr};
  Linear output{nullptr};
};
TORCH_MODULE(ElmoLm);

}  // namespace langzoo
