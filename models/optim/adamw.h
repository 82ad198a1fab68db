/// AdamW, Adam with decoupled weight decay (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, algorithm 2).
#pragma once

#include <vector>

#include "models/optim/optimizer.h"

namespace langzoo {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.01;  ///< of the groups that have none of their own, see FlatParameters

  /// Throws std::invalid_argument naming field and value.
  void validate() const;
};

/// One fused kernel a group. A parameter that received no gradient since zero_grad() is skipped and its step count
/// stays, as in torch::optim::AdamW; a step that is left out for infinite gradients counts. `parameters` must outlive
/// the optimizer. Moments have the parameter's dtype.
class AdamW : public Optimizer {
 public:
  AdamW(FlatParameters& parameters, AdamWOptions options);

  void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) override;

  /// `exp_avg.<name>`, `exp_avg_sq.<name>` (in the parameter's shape) and `step.<name>` (int64 scalars).
  NamedTensors state_dict() const override;

 private:
  struct Moments {
    torch::Tensor exp_avg, exp_avg_sq;  // laid out as the group's values
    torch::Tensor steps;                // int64 on the CPU, by slot
  };

  FlatParameters& parameters_;
  AdamWOptions options_;
  std::vector<Moments> moments_;  // by group
};

}  // namespace langzoo
