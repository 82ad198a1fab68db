/// Pointwise non-linearities, under the names that Hugging Face's config.json uses.
#pragma once

#include <string>

#include <torch/types.h>

namespace langzoo {

enum class Activation {
  kRelu,
  kGelu,      ///< exact: x Phi(x)
  kGeluTanh,  ///< 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), https://arxiv.org/abs/1606.08415 section 2
  kSilu,      ///< x sigmoid(x)
  kTanh,
};

/// "relu", "gelu", "gelu_new" (also "gelu_fast", "gelu_pytorch_tanh": the same function), "silu" (also "swish"),
/// "tanh". Throws std::invalid_argument for any other name.
Activation activation_from_name(const std::string& name);

/// Shapes: any -> the same.
torch::Tensor activate(const torch::Tensor& x, Activation activation);

}  // namespace langzoo
