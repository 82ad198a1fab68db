/// Scaled dot-product attention (https://arxiv.org/abs/1706.03762, section 3.2.1): the zoo's only softmax over keys.
#pragma once

#include <optional>

#include <torch/types.h>

namespace langzoo {

struct AttendOptions {
  torch::Tensor bias = {};  ///< additive, broadcastable to (B,H,T,S): masks, relative positions; undefined: none
  double dropout = 0.0;     ///< of the weights; the caller passes 0 outside training
  std::optional<double> scale = {};  ///< of the scores; 1/sqrt(K) when not given
  bool causal = false;               ///< query i of T sees the keys up to S - T + i
  bool want_weights = false;         ///< asks for `weights`, and so for the explicit formula
};

struct Attended {
  torch::Tensor output;   ///< (B,H,T,K)
  torch::Tensor weights;  ///< (B,H,T,S) before dropout; undefined unless asked for
};

/// softmax(q k^T scale + bias) v. A query that may see no key gets zeros. Runs at::scaled_dot_product_attention,
/// decode_attention where that applies, or the explicit formula where the weights are wanted.
/// Shapes: q (B,H,T,K), k (B,H,S,K), v (B,H,S,K).
Attended attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                const AttendOptions& options = {});

}  // namespace langzoo
