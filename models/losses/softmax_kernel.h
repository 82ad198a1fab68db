/// Softmax cross-entropy of rows of logits on the CPU, in one pass of memory for the gradient.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

/// A target's distribution: `target` for the target itself, `other` for every other token but `excluded`, which has
/// none. They add up to 1.
struct TargetDistribution {
  double target = 1, other = 0;
  std::int64_t excluded = -1;
  double entropy = 0;  ///< what a loss is less
};

/// The losses -sum_v q_v log softmax(logits_i)_v of the targets' distributions q, less the entropy, and `z_loss` times
/// the square of log(sum_v e^(logits_iv)), summed in float64; with `want_grad` the logits are overwritten by their
/// gradient, softmax - q where z_loss is 0. Rows whose target is `ignore_index` count 0 and get zeros. Computed in
/// float32 whatever the logits are stored in. Throws std::invalid_argument for a target outside [0,V), or that is
/// excluded. Shapes: logits (N,V) contiguous, float32 or bfloat16; targets (N) int64.
double softmax_cross_entropy_(const torch::Tensor& logits, const torch::Tensor& targets, std::int64_t ignore_index,
                              bool want_grad, const TargetDistribution& q = {}, double z_loss = 0);

}  // namespace langzoo
