/// Softmax cross-entropy of rows of logits on the CPU, in one pass of memory for the gradient.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// The losses -log softmax(logits_i)[targets_i], summed in float64; with `want_grad` the logits are overwritten by
/// their gradient, softmax - one-hot. Rows whose target is `ignore_index` count 0 and get zeros. Computed in float32
/// whatever the logits are stored in. Throws std::invalid_argument for a target outside [0,V). Shapes: logits (N,V)
/// contiguous, float32 or bfloat16; targets (N) int64.
double softmax_cross_entropy_(const torch::Tensor& logits, const torch::Tensor& targets, std::int64_t ignore_index,
                              bool want_grad);

}  // namespace langzoo
