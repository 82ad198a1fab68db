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

/// Moments have the parameter's dtype. Those of a shard (FlatParameters::shard()) are of its elements alone.
/// `parameters` must outlive them.
class AdamMoments {
 public:
  /// Neighbours among the slots of a group that take part in a step and stand at the same one, which are computed
  /// together: usually that is the whole group.
  struct Run {
    std::size_t first_slot = 0, last_slot = 0;  ///< the last one is not in it
    std::int64_t begin = 0, end = 0;            ///< their elements in the group's buffers, gaps included: of a shard,
                                                ///< those that are its own
    std::int64_t step = 1;                      ///< the one to be done, from 1
  };

  explicit AdamMoments(const FlatParameters& parameters);

  /// Those of a group, whose gradients are gathered: slots without one take no part and keep their step. None is empty.
  std::vector<Run> advance(std::size_t group);
  torch::Tensor exp_avg(std::size_t group, const Run& run) const {
    return moments_[group].exp_avg.slice(0, run.begin - moments_[group].begin, run.end - moments_[group].begin);
  }
  torch::Tensor exp_avg_sq(std::size_t group, const Run& run) const {
    return moments_[group].exp_avg_sq.slice(0, run.begin - moments_[group].begin, run.end - moments_[group].begin);
  }

  /// `exp_avg.<name>`, `exp_avg_sq.<name>` (in the parameter's shape) and `step.<name>` (int64 scalars). Of shards all
  /// together, for whom all processes call it: copies on process 0, nothing elsewhere.
  NamedTensors state_dict() const;
  /// Of shards each its own part of `state`. Throws as Optimizer::load_state_dict().
  void load_state_dict(const NamedTensors& state);
  /// Bytes of the moments that this process keeps.
  std::int64_t bytes() const;

 private:
  struct Moments {
    torch::Tensor exp_avg, exp_avg_sq;  // laid out as the group's values, from `begin` on
    std::int64_t begin = 0;
    torch::Tensor steps;  // int64 on the CPU, by slot
  };

  NamedTensors named(std::size_t group, const torch::Tensor& exp_avg, const torch::Tensor& exp_avg_sq) const;

  const FlatParameters& parameters_;
  std::vector<Moments> moments_;  // by group
};

}  // namespace langzoo
