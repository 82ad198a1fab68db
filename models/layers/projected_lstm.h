/// An LSTM layer whose state is projected, and whose cell and projection are bounded (Sak, Senior and Beaufays 2014,
/// https://arxiv.org/abs/1402.1128; Jozefowicz et al. 2016, https://arxiv.org/abs/1602.02410):
///
///     i, f, g, o = W_ih x_t + W_hh h_{t-1} + b
///     c_t = clip(sigmoid(f) * c_{t-1} + sigmoid(i) * tanh(g))
///     h_t = clip(W_hr (sigmoid(o) * tanh(c_t)))
///
/// Parameters are those of torch.nn.LSTM(proj_size=P) with one bias: weight_ih_l0 (4H,C), weight_hh_l0 (4H,P),
/// bias_ih_l0 (4H), weight_hr_l0 (P,H). Without a projection it is an LSTM with a bounded cell, P = H, no weight_hr_l0.
///
/// Letters: T steps, B batch, C input width, H cells, P width of the state and the output.
#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace langzoo {

struct ProjectedLstmOptions {
  std::int64_t input_size = 0, hidden_size = 0;  ///< C, H
  std::int64_t projection_size = 0;              ///< P; 0: no projection
  double cell_clip = 0;                          ///< largest magnitude of a cell; 0: any
  double projection_clip = 0;                    ///< likewise of an element of the projected state

  /// Throws std::invalid_argument naming field and value.
  void validate() const;
};

struct ProjectedLstmState {
  torch::Tensor hidden;  ///< (B,P)
  torch::Tensor cell;    ///< (B,H)
};

struct ProjectedLstmOutput {
  torch::Tensor output;  ///< (T,B,P)
  ProjectedLstmState state;
};

class ProjectedLstmImpl : public torch::nn::Module {
 public:
  /// Matrices as TensorFlow has them by default (Glorot and Bengio 2010, uniform, of the kernel [W_ih; W_hh] as one),
  /// bias 0, but 1 of the forget gate.
  explicit ProjectedLstmImpl(const ProjectedLstmOptions& options);

  /// Undefined states are zeros. Throws std::invalid_argument for shapes that do not fit. Shapes: x (T,B,C).
  ProjectedLstmOutput forward(const torch::Tensor& x, const ProjectedLstmState& state = {});

  const ProjectedLstmOptions& options() const { return options_; }
  /// P.
  std::int64_t output_size() const {
    return options_.projection_size > 0 ? options_.projection_size : options_.hidden_size;
  }

  torch::Tensor weight_ih, weight_hh, bias, weight_hr;  ///< weight_hr undefined without a projection

 private:
  ProjectedLstmOutput by_steps(const torch::Tensor& gates, const ProjectedLstmState& state) const;

  ProjectedLstmOptions options_;
};
TORCH_MODULE(ProjectedLstm);

}  // namespace langzoo
