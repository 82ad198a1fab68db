#include "models/layers/activations.h"

#include <stdexcept>

#include "models/layers/gelu_kernel.h"
#include "third_party/torch.h"

namespace langzoo {

Activation activation_from_name(const std::string& name) {
  if (name == "relu") return Activation::kRelu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_fast" || name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "tanh") return Activation::kTanh;
  throw std::invalid_argument("activation \"" + name + "\" is not known: use relu, gelu, gelu_new, silu or tanh");
}

torch::Tensor activate(const torch::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kGelu:
      return at::gelu(x, "none");
    case Activation::kGeluTanh:
      if (x.is_cpu() && (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16)) {
        return gelu_tanh_cpu(x);
      }
      return at::gelu(x, "tanh");
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kTanh:
      return at::tanh(x);
  }
  throw std::invalid_argument("activation out of range");
}

}  // namespace langzoo
