#include "models/losses/sampled_softmax.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "models/layers/matmul.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

Tensor log_uniform_probabilities(const Tensor& ids, std::int64_t vocabulary) {
  const auto k = ids.to(torch::kFloat64);
  return (((k + 2) / (k + 1)).log() / std::log(static_cast<double>(vocabulary) + 1)).to(torch::kFloat32);
}

Tensor log_uniform_samples(std::int64_t count, std::int64_t vocabulary) {
  const auto u = at::empty({count}, torch::kFloat64).uniform_();
  // The distribution function at k is ln(k + 2) / ln(V + 1).
  return ((u * std::log(static_cast<double>(vocabulary) + 1)).exp().floor() - 1)
      .to(torch::kInt64)
      .clamp(0, vocabulary - 1);
}

Tensor sampled_softmax_loss(const Tensor& hidden, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                            const Tensor& samples) {
  const auto V = weight.size(0), S = samples.numel();
  if (hidden.dim() != 2 || targets.dim() != 1 || hidden.size(0) != targets.size(0) ||
      hidden.size(1) != weight.size(1) || samples.dim() != 1 || S < 1)
    throw std::invalid_argument(
        "sampled softmax: hidden (N,C), weight (V,C), targets (N) and samples (S) do not fit together");
  const auto counted = targets.ne(-100);
  const auto ids = targets.masked_fill(counted.logical_not(), 0);
  const auto expected = [&](const Tensor& of) {
    return (log_uniform_probabilities(of, V) * static_cast<double>(S)).log();
  };
  const auto rows = at::embedding(weight, ids);
  auto of_target = (hidden * rows).sum(1) - expected(ids);                                   // (N)
  auto of_samples = affine(hidden, at::embedding(weight, samples), {}) - expected(samples);  // (N,S)
  if (bias.defined()) {
    of_target = of_target + bias.index_select(0, ids);
    of_samples = of_samples + bias.index_select(0, samples);
  }
  of_samples = of_samples.masked_fill(ids.unsqueeze(1).eq(samples), -std::numeric_limits<double>::infinity());
  const auto all = at::cat({of_target.unsqueeze(1), of_samples}, 1);
  return (all.logsumexp(1) - of_target).masked_fill(counted.logical_not(), 0).sum();
}

}  // namespace langzoo
