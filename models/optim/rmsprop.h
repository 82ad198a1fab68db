/// RMSProp with momentum as Graves 2013, https://arxiv.org/abs/1308.0850, equations 38 to 45, has it: what recurrent
/// networks and Neural Turing Machines were trained with before Adam.
#pragma once

#include <vector>

#include "models/io/config_fields.h"
#include "models/optim/optimizer.h"

namespace langzoo {

struct RmsPropOptions {
  double decay = 0.95;    ///< of both running means
  double momentum = 0.9;  ///< share of the last change that goes on
  double epsilon = 1e-4;  ///< added to the variance, within the root
  bool centered = true;   ///< the variance, or (false) the mean square

  void for_each_field(FieldVisitor& visit);
};

/// With the gradient g, of each parameter by itself,
///
///     n := decay n + (1 - decay) g^2,   m := decay m + (1 - decay) g
///     change := momentum change - learning_rate g / sqrt(n - m^2 + epsilon),   w := w + change
///
/// (m is 0 where it is not centered). There is no weight decay. A parameter without a gradient keeps its value, means
/// and change. `parameters` must outlive it.
class RmsProp : public Optimizer {
 public:
  /// Throws std::invalid_argument naming field and value.
  RmsProp(FlatParameters& parameters, const RmsPropOptions& options);

  void step(double learning_rate, const torch::Tensor& divisor = {}, const torch::Tensor& found_inf = {}) override;

  /// `square.<name>`, `mean.<name>` and `change.<name>`, in the parameter's shape.
  NamedTensors state_dict() const override;

 private:
  struct Means {
    torch::Tensor square, mean, change;  // laid out as the group's values
  };
  FlatParameters& parameters_;
  RmsPropOptions options_;
  std::vector<Means> means_;  // by group
};

}  // namespace langzoo
