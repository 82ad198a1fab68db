/// LAMB, Adam whose every weight moves by a share of its own length (You et al. 2020,
/// https://arxiv.org/abs/1904.00962, algorithm 2): what ALBERT is pretrained with, in large batches.
#pragma once

#include "models/optim/adam_moments.h"
#include "models/optim/optimizer.h"

namespace langzoo {

/// For a weight x of two dimensions or more, with Adam's r = m / (sqrt(v) + epsilon) and u = r + weight_decay x,
///
///     x := x - learning_rate |x| / |u| u,
///
/// and the factor |x| / |u| is 1 where either is 0, and of biases and norms, as in the released code, which is also
/// without correct_bias. Skipped parameters, step counts and `parameters` as AdamW; a `found_inf` is waited for.
class Lamb : public Optimizer {
 public:
  Lamb(FlatParameters& parameters, AdamOptions options);

  void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) override;

  /// As AdamMoments.
  NamedTensors state_dict() const override { return moments_.state_dict(); }

 private:
  FlatParameters& parameters_;
  AdamOptions options_;
  AdamMoments moments_;
};

}  // namespace langzoo
