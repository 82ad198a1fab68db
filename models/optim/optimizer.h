/// What the trainer asks of an optimizer.
#pragma once

#include "models/optim/flat_parameters.h"

namespace langzoo {

/// An optimizer works on the groups of its FlatParameters: those of one group share dtype, device, weight decay and the
/// factor of their learning rate. Most keep buffers laid out as a group's values and step a group at a time; those that
/// treat each parameter as a whole (a norm, rows and columns) go through its slots, whose shapes are the parameters'.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Gradients are divided by the scalar `divisor` on the way (clip_divisor()) where it is given, and a `found_inf`
  /// scalar that is not 0 leaves the parameters as they are: both float32 on the parameters' device, read there. A
  /// slot without a gradient takes no part. A group learns at learning_rate * its lr_scale.
  virtual void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) = 0;

  /// Told of every evaluation's loss, or another measure of which less is better.
  virtual void evaluated(double /*loss*/) {}
  /// Whether it has a mean of the weights by now, with which they are evaluated and saved; exchange_average() lets the
  /// two change places, and a second time back.
  virtual bool averages() const { return false; }
  virtual void exchange_average() {}

  /// Bytes of the state that grows with the parameters and is divided among shards; 0: there is none of that kind.
  virtual std::int64_t state_bytes() const { return 0; }

  /// What must be kept to go on later: "<what>.<name of a parameter>". They share memory with the optimizer's own, into
  /// which load_state_dict() copies.
  virtual NamedTensors state_dict() const = 0;
  /// Throws std::invalid_argument naming what is missing, unexpected or of another shape; nothing is changed then.
  virtual void load_state_dict(const NamedTensors& state);
};

/// Copies `saved` into `own` by name. Throws std::invalid_argument "WHAT: NAME ..." for what is missing, unexpected or
/// of another shape; nothing is changed then.
void copy_state(const NamedTensors& own, const NamedTensors& saved, const std::string& what);

}  // namespace langzoo
