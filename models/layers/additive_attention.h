/// Additive attention's scores, fused.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// v . tanh(q_t + k_s) for every pair (Bahdanau et al. 2015, appendix A.1.2), for queries that come one step after the
/// other or together. On the CPU in float32 the (B,T,S,A) values are never held, and the gradients of keys and v are
/// summed in place over all calls; elsewhere by torch's operators. Differentiable once. An object serves one forward
/// pass; copies share it.
class AdditiveScores {
 public:
  AdditiveScores() = default;
  /// Shapes: keys (B,S,A), v (A).
  AdditiveScores(const torch::Tensor& keys, const torch::Tensor& v);

  /// Shapes: queries (B,T,A) -> (B,T,S).
  torch::Tensor operator()(const torch::Tensor& queries) const;

 private:
  struct Sums;
  struct Gathered;
  struct Scores;
  torch::Tensor keys_, v_;
  c10::intrusive_ptr<torch::CustomClassHolder> sums_;
};

}  // namespace langzoo
