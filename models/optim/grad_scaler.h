/// Loss scaling for float16: keeps small gradients from vanishing (Micikevicius et al. 2018, section 3.2).
#pragma once

#include "models/optim/flat_parameters.h"

namespace langzoo {

struct GradScalerOptions {
  double initial_scale = 65536.0;
  double growth_factor = 2.0, backoff_factor = 0.5;
  std::int64_t growth_interval = 2000;  ///< steps without overflow before the scale grows
};

/// A step: backward(loss * scale()), unscale(), the optimizer's step unless it returned true, update().
class GradScaler {
 public:
  explicit GradScaler(torch::Device device, GradScalerOptions options = {});

  /// Float32 scalar on the device.
  const torch::Tensor& scale() const { return scale_; }
  /// Divides the gradients by the scale; true when one of them is not finite. Waits for the device.
  bool unscale(FlatParameters& parameters);
  /// Shrinks the scale after an overflow, grows it after growth_interval steps without one.
  void update();

  /// `scale`, `growth_tracker`.
  NamedTensors state_dict() const;
  /// Throws std::invalid_argument naming a missing tensor.
  void load_state_dict(const NamedTensors& state);

 private:
  GradScalerOptions options_;
  torch::Tensor scale_, growth_tracker_, found_inf_;
};

}  // namespace langzoo
