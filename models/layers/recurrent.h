/// Stacks of recurrent layers: RNN, LSTM and GRU, forward or in both directions, over batches of different lengths.
///
/// Parameters are torch.nn.RNN's, LSTM's and GRU's by name and layout: weight_ih_l0 (G H, C), weight_hh_l0 (G H, H),
/// bias_ih_l0, bias_hh_l0 (G H), "_reverse" after the backward direction's; G gates stand below each other. With
/// a_x = W_ih x_t + b_ih, a_h = W_hh h_{t-1} + b_hh, their parts named by gate, and * elementwise:
///
///     RNN   G = 1                h_t = tanh(a_x + a_h), or relu
///     LSTM  G = 4, i f g o       c_t = sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(g)      (each gate a_x + a_h)
///                                h_t = sigmoid(o) * tanh(c_t)                           (no peepholes)
///     GRU   G = 3, r z n         n = tanh(a_x^n + sigmoid(r) * a_h^n)
///                                h_t = (1 - sigmoid(z)) * n + sigmoid(z) * h_{t-1}
///
/// The GRU's reset gate acts after the product with W_hh, as in torch and cuDNN; Cho et al. 2014 reset h_{t-1} before
/// it, and let z mean the share of the new state. DLFS2 orders the LSTM's gates f g i o.
///
/// Letters: T steps, B batch, C input width, X context width, H hidden width, L layers, D directions (1 or 2), G gates.
/// Time comes first: the rows of one step lie together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "models/layers/stepwise_product.h"

namespace langzoo {

enum class RecurrentCell { kRnnTanh, kRnnRelu, kLstm, kGru };

/// "rnn_tanh", "rnn_relu", "lstm", "gru"; std::invalid_argument for any other name.
RecurrentCell recurrent_cell_from_name(const std::string& name);

struct RecurrentOptions {
  RecurrentCell cell = RecurrentCell::kLstm;
  std::int64_t input_size = 0, hidden_size = 0;  ///< C, H
  std::int64_t num_layers = 1;
  bool bidirectional = false;
  /// torch has two biases of which one suffices (but for the GRU's n); without it there is no bias_hh.
  bool recurrent_bias = true;
  /// Training: on what enters every layer but the first.
  double dropout = 0.0;
  /// The first layer, counted from 1, whose output has its input added (Wu et al. 2016, section 3.1); 0: none. What is
  /// added is not dropped out.
  std::int64_t residual_from = 0;
  /// X, the width of a context put before the input, of the first layer or of all: weight_ih_l0 is (G H, X + C).
  std::int64_t context_size = 0;
  bool context_in_all_layers = true;

  /// Throws std::invalid_argument naming field and value.
  void validate() const;
};

/// What a stack remembers: one row a layer and direction, in torch's order (layer 0, layer 0 backward, layer 1, ...).
struct RecurrentState {
  torch::Tensor hidden;  ///< (L D, B, H)
  torch::Tensor cell;    ///< (L D, B, H) of an LSTM
};

/// Undefined tensors stand for "no".
struct RecurrentInputs {
  RecurrentState state = {};   ///< zeros by default; of an LSTM, the cells alone may be undefined
  torch::Tensor lengths = {};  ///< (B) int64 in [1, T], how many steps of each row count; by default all
  torch::Tensor context = {};  ///< (T,B,X), or (B,X) where it is the same at each step; needed where X > 0
  /// (G H, H) in place of weight_hh, of one layer in one direction: the parameter with some of its weights dropped.
  torch::Tensor weight_hh = {};
};

struct RecurrentOutput {
  torch::Tensor output;  ///< (T, B, D H), zeros beyond a row's length
  RecurrentState state;  ///< after each row's last step; the backward direction's is the one at its first
};

/// A layer of one direction whose steps are taken one by one. Serves one forward pass.
class RecurrentSteps {
 public:
  /// One step from input_gates and the layer's own state; `context` undefined or (B,X).
  /// Shapes: gates (B, G H), state and result (B,H).
  RecurrentState operator()(const torch::Tensor& gates, const torch::Tensor& context,
                            const RecurrentState& state) const;

 private:
  friend class RecurrentImpl;
  RecurrentCell cell_ = RecurrentCell::kLstm;
  StepwiseProduct recurrent_, context_;
  torch::Tensor bias_hh_;  ///< of a GRU, or undefined
};

class RecurrentImpl : public torch::nn::Module {
 public:
  /// Initialised by torch.nn's rule, U(-1/sqrt(H), 1/sqrt(H)).
  explicit RecurrentImpl(const RecurrentOptions& options);

  /// A row's outputs and states do not depend on the padding after it: the backward direction begins at each row's own
  /// last token. Throws std::invalid_argument when shapes or lengths do not fit.
  /// Shapes: x (T,B,C) -> output (T, B, D H).
  RecurrentOutput forward(const torch::Tensor& x, const RecurrentInputs& inputs = {});

  /// The layers from `first` on, whose input x is; inputs.state is of all layers, the returned one of those that ran.
  RecurrentOutput forward_from(std::int64_t first, const torch::Tensor& x, const RecurrentInputs& inputs);

  /// For decoders whose context depends on the step before. `layer`'s share of the gates that x decides, biases
  /// included: for all steps one product. Shapes: x (...,C) -> (..., G H).
  torch::Tensor input_gates(std::int64_t layer, const torch::Tensor& x) const;
  /// `layer`, of one direction, taken one step after the other.
  RecurrentSteps steps(std::int64_t layer) const;

  const RecurrentOptions& options() const { return options_; }

 private:
  struct Weights {
    torch::Tensor ih, hh, bias_ih, bias_hh;  ///< bias_hh undefined without options.recurrent_bias
  };
  const Weights& weights(std::int64_t layer, std::int64_t direction) const {
    return weights_[static_cast<std::size_t>(layer * directions_ + direction)];
  }
  std::int64_t context_width(std::int64_t layer) const;
  torch::Tensor folded_bias(const Weights& weights) const;
  RecurrentOutput layer_by_kernel(std::int64_t layer, const torch::Tensor& x, const torch::Tensor& context,
                                  const RecurrentState& state, const torch::Tensor& lengths,
                                  const torch::Tensor& weight_hh) const;
  RecurrentOutput layer_by_torch(std::int64_t layer, const torch::Tensor& x, const torch::Tensor& context,
                                 const RecurrentState& state, const torch::Tensor& lengths,
                                 const torch::Tensor& weight_hh) const;

  RecurrentOptions options_;
  std::int64_t directions_, gates_;
  std::vector<Weights> weights_;
};
TORCH_MODULE(Recurrent);

/// Each row's first `lengths` steps in opposite order; the padding after them stays where it is. Its own inverse.
/// Shapes: x (B,S,...), lengths (B) int64 -> as x.
torch::Tensor reverse_padded(const torch::Tensor& x, const torch::Tensor& lengths);

}  // namespace langzoo
