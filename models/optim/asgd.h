/// Averaged stochastic gradient descent, from the beginning or from where validation stops improving: NT-ASGD (Merity,
/// Keskar and Socher 2018, https://arxiv.org/abs/1708.02182, algorithm 1).
#pragma once

#include <cstdint>
#include <vector>

#include "models/io/config_fields.h"
#include "models/optim/optimizer.h"

namespace langzoo {

struct AsgdOptions {
  /// n: averaging begins after the first evaluation that is worse than the best of those more than n before it. 0: with
  /// the first step.
  std::int64_t nonmono = 5;
  double weight_decay = 1.2e-6;  ///< L2, of the groups that have none of their own

  void for_each_field(FieldVisitor& visit);
};

/// w <- w - learning_rate * (gradient + weight_decay * w), and once it is triggered a mean of all w since then, which
/// is what average() gives. `parameters` must outlive it.
class Asgd : public Optimizer {
 public:
  Asgd(FlatParameters& parameters, const AsgdOptions& options);

  void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) override;
  void evaluated(double loss) override;
  bool averages() const override { return steps() > 0; }
  void exchange_average() override;

  /// `average.<name>`, `averaged` (int64 scalar, the steps in it; -1: not triggered) and `losses` (all evaluations', in
  /// a row of kMostEvaluations, the rest NaN).
  NamedTensors state_dict() const override;

  static constexpr std::int64_t kMostEvaluations = 4096;

 private:
  std::int64_t steps() const { return *averaged_.const_data_ptr<std::int64_t>(); }
  void trigger();

  FlatParameters& parameters_;
  AsgdOptions options_;
  torch::Tensor averaged_, losses_;
  std::vector<torch::Tensor> averages_;  // by group, laid out as its values
};

}  // namespace langzoo
