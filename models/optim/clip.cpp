#include "models/optim/clip.h"

#include "third_party/torch.h"

namespace langzoo {

torch::Tensor clip_divisor(const torch::Tensor& norm, double max_norm) {
  const torch::NoGradGuard no_grad;
  return ((norm + 1e-6) / max_norm).clamp_min(1.0);
}

torch::Tensor clip_grad_norm(const std::vector<torch::Tensor>& parameters, double max_norm) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> grads, norms;
  for (const auto& parameter : parameters)
    if (parameter.grad().defined()) grads.push_back(parameter.grad());
  if (grads.empty()) return torch::zeros({});
  for (const auto& norm : at::_foreach_norm(grads)) norms.push_back(norm.to(grads.front().device(), torch::kFloat32));
  const auto total = at::linalg_vector_norm(at::stack(norms), 2);
  const auto divisor = clip_divisor(total, max_norm);
  for (const auto& grad : grads) grad.div_(divisor.to(grad.device()));
  return total;
}

}  // namespace langzoo
