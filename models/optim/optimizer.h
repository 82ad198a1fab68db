/// What the trainer asks of an optimizer.
#pragma once

#include "models/optim/flat_parameters.h"

namespace langzoo {

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Gradients are divided by the scalar `divisor` on the way (clip_divisor()) where it is given, and a `found_inf`
  /// scalar that is not 0 leaves the parameters as they are: both float32 on the parameters' device, read there.
  virtual void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) = 0;

  /// What must be kept to go on later, by name.
  virtual NamedTensors state_dict() const = 0;
  /// Throws std::invalid_argument naming what is missing, unexpected or of another shape; nothing is changed then.
  virtual void load_state_dict(const NamedTensors& state) = 0;
};

}  // namespace langzoo
