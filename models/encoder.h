/// What is asked of a model that reads tokens in both directions, whatever its family and its head: the states of its
/// layers. The families' models without a head implement Encoder; those with one have it inside, as EncoderModel says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "models/task_model.h"
#include "models/token_inputs.h"

namespace langzoo {

/// What an encoder gives besides its last states. Attention is then computed by the explicit formula, padding too.
struct EncoderWants {
  bool hidden_states = false, attentions = false, attention_scores = false;
};

struct EncoderOutput {
  torch::Tensor hidden;                         ///< (B,T,C) after the last layer
  torch::Tensor pooled;                         ///< (B,C) of the first token, as the pooler does; undefined without one
  std::vector<torch::Tensor> hidden_states;     ///< (B,T,C) of the embeddings, then after each layer
  std::vector<torch::Tensor> attentions;        ///< (B,H,T,T) each layer's weights
  std::vector<torch::Tensor> attention_scores;  ///< (B,H,T,T) before the softmax and without the mask
};

class Encoder {
 public:
  virtual ~Encoder() = default;

  /// Throws std::invalid_argument where the inputs do not fit each other or are longer than the model takes.
  virtual EncoderOutput encode(const TokenInputs& inputs, const EncoderWants& wants = {}) = 0;
  virtual std::int64_t width() const = 0;
  virtual std::int64_t num_layers() const = 0;
  /// Keeps each layer's input only and runs the layer again in the backward pass. Does not change results.
  virtual void set_gradient_checkpointing(bool on) = 0;
  /// Patterns (ParameterRule) of the parameters at each depth, whatever the head: the embeddings, then each layer. For
  /// learning rates that fall with the depth, and for freezing. Layers that share parameters have one.
  virtual std::vector<std::string> depth_patterns() const = 0;
};

/// A model with an encoder inside, or the encoder itself.
class EncoderModel {
 public:
  virtual ~EncoderModel() = default;
  virtual Encoder& encoder() = 0;
};

/// A model without a head.
class BareEncoder : public TokenModel, public EncoderModel, public Encoder {
 public:
  Encoder& encoder() override { return *this; }
};

}  // namespace langzoo
