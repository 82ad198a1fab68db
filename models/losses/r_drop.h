/// R-Drop (Liang et al. 2021, https://arxiv.org/abs/2106.14448): a model that reads an example twice, under different
/// dropout, is to predict the same both times. With p and q the two predictions of a target y the paper's loss is
///
///     -ln p(y) - ln q(y) + alpha * (KL(p || q) + KL(q || p)) / 2.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// What a step's loss is made of where it has R-Drop: half the paper's loss, so that it is on the scale of a plain one,
/// is the mean of the first over both readings' targets, and alpha / 2 times the mean of the second.
struct RDropSums {
  torch::Tensor cross_entropy;  ///< over the targets of both readings
  torch::Tensor divergence;     ///< (KL(p || q) + KL(q || p)) / 2, over the targets
};

/// (KL(p || q) + KL(q || p)) / 2 of p = softmax(a) and q = softmax(b), in nats, summed over the rows: a scalar, in
/// float32 at least. Shapes: a, b (N,V).
torch::Tensor symmetric_kl(const torch::Tensor& a, const torch::Tensor& b);

/// symmetric_kl(a weight^T + bias, b weight^T + bias) for a vocabulary too large to hold N x V logits: in chunks of
/// rows as linear_cross_entropy. Differentiable once, in a, b, weight and bias, which may be undefined. `chunk_rows` 0
/// chooses. Shapes: a, b (N,C), weight (V,C), bias (V).
torch::Tensor linear_symmetric_kl(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& weight,
                                  const torch::Tensor& bias = {}, std::int64_t chunk_rows = 0);

}  // namespace langzoo
