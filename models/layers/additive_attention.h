/// Additive attention's scores, fused.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// v . tanh(q_t + k_s) for every pair (Bahdanau et al. 2015, appendix A.1.2), differentiable once on the CPU in float32
/// without ever holding the (B,T,S,A) values; elsewhere by torch's operators.
/// Shapes: queries (B,T,A), keys (B,S,A), v (A) -> (B,T,S).
torch::Tensor additive_scores(const torch::Tensor& queries, const torch::Tensor& keys, const torch::Tensor& v);

}  // namespace langzoo
