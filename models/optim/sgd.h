/// Plain stochastic gradient descent: no momentum, no weight decay, no state.
#pragma once

#include "models/optim/optimizer.h"

namespace langzoo {

/// `parameters` must outlive the optimizer.
class Sgd : public Optimizer {
 public:
  explicit Sgd(FlatParameters& parameters) : parameters_(parameters) {}

  void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) override;
  NamedTensors state_dict() const override { return NamedTensors(); }

 private:
  FlatParameters& parameters_;
};

}  // namespace langzoo
