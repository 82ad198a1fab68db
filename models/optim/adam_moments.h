/// What Adam and its relatives have in common: their options, and the running means of gradients and of their squares.
#pragma once

#include <cstdint>
#include <vector>

#include "models/optim/flat_parameters.h"

namespace langzoo {

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.01;  ///< of the groups that have none of their own, see FlatParameters
  /// Divides the means by 1 - beta^step, which takes out that they begin at 0. BERT, ALBERT and ELECTRA are trained
  /// without.
  bool correct_bias = true;

  /// Throws std::invalid_argument naming field and value.
  void validate() const;
};

/// Moments have the parameter's dtype. `parameters` must outlive them.
class AdamMoments {
 public:
  /// Neighbours among the slots of a group that take part in a step and stand at the same one, which are computed
  /// together: usually that is the whole group.
  struct Run {
    std::size_t first_slot = 0, last_slot = 0;  ///< the last one is not in it
    std::int64_t begin = 0, end = 0;            ///< their elements in the group's buffers, gaps included
    std::int64_t step = 1;                      ///< the one to be done, from 1
  };

  explicit AdamMoments(const FlatParameters& parameters);

  /// Those of a group, whose gradients are gathered: slots without one take no part and keep their step.
  std::vector<Run> advance(std::size_t group);
  torch::Tensor exp_avg(std::size_t group, const Run& run) const {
    return moments_[group].exp_avg.slice(0, run.begin, run.end);
  }
  torch::Tensor exp_avg_sq(std::size_t group, const Run& run) const {
    return moments_[group].exp_avg_sq.slice(0, run.begin, run.end);
  }

  /// `exp_avg.<name>`, `exp_avg_sq.<name>` (in the parameter's shape) and `step.<name>` (int64 scalars).
  NamedTensors state_dict() const;

 private:
  struct Moments {
    torch::Tensor exp_avg, exp_avg_sq;  // laid out as the group's values
    torch::Tensor steps;                // int64 on the CPU, by slot
  };

  const FlatParameters& parameters_;
  std::vector<Moments> moments_;  // by group
};

}  // namespace langzoo
