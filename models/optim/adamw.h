/// AdamW, Adam with decoupled weight decay (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, algorithm 2).
#pragma once

#include "models/optim/adam_moments.h"
#include "models/optim/optimizer.h"

namespace langzoo {

/// One fused kernel a group. A parameter that received no gradient since zero_grad() is skipped and its step count
/// stays, as in torch::optim::AdamW; a step that is left out for infinite gradients counts. `parameters` must outlive
/// the optimizer. Without correct_bias it is the AdamWeightDecayOptimizer of BERT's code. Of a shard it updates the
/// values of that alone.
class AdamW : public Optimizer {
 public:
  AdamW(FlatParameters& parameters, AdamOptions options);

  void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) override;

  /// As AdamMoments.
  NamedTensors state_dict() const override { return moments_.state_dict(); }
  void load_state_dict(const NamedTensors& state) override { moments_.load_state_dict(state); }
  std::int64_t state_bytes() const override { return moments_.bytes(); }

 private:
  FlatParameters& parameters_;
  AdamOptions options_;
  AdamMoments moments_;
};

}  // namespace langzoo
