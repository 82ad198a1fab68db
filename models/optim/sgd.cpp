#include "models/optim/sgd.h"

#include "third_party/torch.h"

namespace langzoo {

void Sgd::step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  parameters_.gather();
  for (const auto& group : parameters_.groups()) {
    torch::Tensor grads = group.grads;  // those of parameters that took no part are zero
    if (divisor.defined()) grads = grads / divisor;
    if (found_inf.defined()) grads = torch::where(found_inf == 0, grads, 0.0);
    group.values.sub_(grads, learning_rate * group.lr_scale);
  }
  parameters_.mark_changed();
}

}  // namespace langzoo
