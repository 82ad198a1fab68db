/// An exponential moving average of the weights, often better than the last ones (Polyak and Juditsky 1992).
#pragma once

#include <cstdint>
#include <vector>

#include "models/optim/optimizer.h"

namespace langzoo {

/// average = d * average + (1 - d) * weights, d = min(decay, (1 + n) / (10 + n)) at update n (the first is 0), so that
/// the initial weights are soon forgotten. `parameters` must outlive it.
class Ema {
 public:
  /// Throws std::invalid_argument unless 0 <= decay < 1.
  Ema(FlatParameters& parameters, double decay);

  void update();

  /// While it lives the model holds the averaged weights; no copy is made, the two change places. update(),
  /// state_dict() and training are for when it is gone.
  class Swap {
   public:
    explicit Swap(Ema& ema) : ema_(ema) { ema_.exchange(); }
    ~Swap() { ema_.exchange(); }
    Swap(const Swap&) = delete;
    Swap& operator=(const Swap&) = delete;

   private:
    Ema& ema_;
  };

  /// `average.<name>` (in the parameter's shape) and `updates` (int64 scalar): views.
  NamedTensors state_dict() const;
  /// Throws std::invalid_argument naming what is missing, unexpected or of another shape; nothing is changed then.
  void load_state_dict(const NamedTensors& state);

 private:
  void exchange();

  FlatParameters& parameters_;
  double decay_;
  torch::Tensor updates_;                // int64 scalar on the CPU
  std::vector<torch::Tensor> averages_;  // by group, laid out as its values
};

}  // namespace langzoo
