/// Root mean square layer normalisation (https://arxiv.org/abs/1910.07467): a layer norm without mean and bias.
#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace langzoo {

/// x / sqrt(mean(x^2) + eps) * weight over the last dimension; sums are float32 at least. On the CPU, in float32 and
/// bfloat16, in one pass each way on torch's threads; differentiable once there. Shapes: x (...,C), weight (C) -> as x.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

/// Parameter `weight` (C), at first 1.
class RmsNormImpl : public torch::nn::Module {
 public:
  RmsNormImpl(std::int64_t width, double eps);

  /// Shapes: x (...,C) -> (...,C).
  torch::Tensor forward(const torch::Tensor& x) { return rms_norm(x, weight, eps_); }

  torch::Tensor weight;

 private:
  double eps_;
};
TORCH_MODULE(RmsNorm);

}  // namespace langzoo
