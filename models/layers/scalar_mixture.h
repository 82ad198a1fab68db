/// A task's own mixture of the layers of a model, ELMo's (Peters et al. 2018, https://arxiv.org/abs/1802.05365,
/// equation 1):
///
///     y_k = gamma sum_j softmax(w)_j h_kj
#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace langzoo {

class ScalarMixtureImpl : public torch::nn::Module {
 public:
  /// w begins at 0, gamma at 1. With `layer_norm` each layer's vector of each token first has mean 0 and variance 1
  /// (section 3.2; the released code takes mean and variance over all tokens of a batch). Throws std::invalid_argument
  /// for no layers.
  explicit ScalarMixtureImpl(std::int64_t layers, bool layer_norm = false);

  /// Letters: J layers. Shapes: layers (J,...,C) -> (...,C).
  torch::Tensor forward(const torch::Tensor& layers);

  torch::Tensor weights;  ///< w (J)
  torch::Tensor gamma;    ///< (1)

 private:
  bool layer_norm_;
};
TORCH_MODULE(ScalarMixture);

}  // namespace langzoo
