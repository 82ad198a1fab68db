/// y = x W^T + b, with weights that pack themselves for decoding.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace langzoo {

/// How the file stores the matrix: torch.nn.Linear keeps (out, in); GPT-2's Conv1D keeps (in, out).
enum class WeightLayout { kOutIn, kInOut };

/// Parameters `weight` (out,in) or (in,out) and, unless switched off, `bias` (out).
class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(std::int64_t in, std::int64_t out, bool with_bias = true, WeightLayout layout = WeightLayout::kOutIn);

  /// Shapes: x (..., in) -> (..., out).
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor weight, bias;

 private:
  WeightLayout layout_;
};
TORCH_MODULE(Linear);

}  // namespace langzoo
