#include "models/layers/linear.h"

#include <cmath>

#include <torch/torch.h>

#include "models/layers/init.h"

namespace langzoo {

LinearImpl::LinearImpl(std::int64_t in, std::int64_t out, bool with_bias, WeightLayout layout) : layout_(layout) {
  weight =
      register_parameter("weight", layout == WeightLayout::kOutIn ? torch::empty({out, in}) : torch::empty({in, out}));
  if (with_bias) bias = register_parameter("bias", torch::empty({out}));
  if (SkipInit::active()) return;
  // torch.nn.Linear's rule; families that follow another paper overwrite it.
  const torch::NoGradGuard no_grad;
  const double bound = 1.0 / std::sqrt(static_cast<double>(in));
  weight.uniform_(-bound, bound);
  if (bias.defined()) bias.uniform_(-bound, bound);
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x) {
  if (layout_ == WeightLayout::kOutIn) return at::linear(x, weight, bias);
  if (!bias.defined()) return at::matmul(x, weight);
  if (x.dim() == 2) return at::addmm(bias, x, weight);
  auto shape = x.sizes().vec();
  shape.back() = weight.size(1);
  return at::addmm(bias, x.reshape({-1, x.size(-1)}), weight).view(shape);
}

}  // namespace langzoo
