/// Scaled dot-product attention (https://arxiv.org/abs/1706.03762, section 3.2.1): the zoo's only softmax over keys.
#pragma once

#include <cstdint>
#include <optional>

#include <torch/types.h>

namespace langzoo {

struct AttendOptions {
  /// Additive, broadcastable to (B,H,T,S): masks, relative positions; may want a gradient; undefined: none.
  torch::Tensor bias = {};
  double dropout = 0.0;              ///< of the weights; the caller passes 0 outside training
  std::optional<double> scale = {};  ///< of the scores; 1/sqrt(K) when not given
  /// Query i of T stands at place S - T + i of the keys. Causal, it sees those up to its own place.
  bool causal = false;
  /// Not 0: a query sees only keys less than `window` places away, a causal one the last `window` up to its own.
  std::int64_t window = 0;
  /// Rows packed one behind the other (packed.h): q is (1,H,N,K), row b of B being its tokens cu_seqlens[b] to
  /// cu_seqlens[b + 1] - 1, and k, v are (1,H,M,K). The bias still is broadcastable to (B,H,T,S), T and S being the
  /// longest rows', as weights are. Shapes: (B+1) int64 on the CPU; undefined: rows are not packed.
  torch::Tensor cu_seqlens = {};
  torch::Tensor cu_seqlens_keys = {};  ///< likewise of k and v, where they are other rows than the queries
  bool want_weights = false;           ///< asks for `weights`, and so for the explicit formula
};

struct Attended {
  torch::Tensor output;   ///< (B,H,T,K)
  torch::Tensor weights;  ///< (B,H,T,S) before dropout; undefined unless asked for
};

/// softmax(q k^T scale + bias) v. A query that may see no key gets zeros. Runs the fastest that applies:
/// decode_attention, flash_attention or at::scaled_dot_product_attention; the explicit formula where weights are
/// wanted. Under autocast it computes in autocast's dtype. Throws std::invalid_argument where rows do not fit q, k or
/// v. Shapes: q (B,H,T,K), k (B,H,S,K), v (B,H,S,K).
Attended attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                const AttendOptions& options = {});

/// Whether packed rows of values like `x` cost what their tokens cost; elsewhere attend() pads them, or is slow.
bool attends_packed(const torch::Tensor& x);

}  // namespace langzoo
