#include "models/optim/lamb.h"

#include <cmath>

#include "third_party/torch.h"

namespace langzoo {

Lamb::Lamb(FlatParameters& parameters, AdamOptions options)
    : parameters_(parameters), options_(options), moments_(parameters) {
  options_.validate();
}

void Lamb::step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  parameters_.gather();
  const bool leave_out = found_inf.defined() && found_inf.item<double>() != 0;
  const auto& [beta1, beta2, epsilon, weight_decay, correct_bias] = options_;
  for (std::size_t g = 0; g < parameters_.groups().size(); ++g) {
    const auto& group = parameters_.groups()[g];
    const auto rate = learning_rate * group.lr_scale;
    for (const auto& run : moments_.advance(g)) {
      if (leave_out) continue;
      auto grads = group.grads.slice(0, run.begin, run.end);
      if (divisor.defined()) grads = grads / divisor.to(grads.device());
      const auto mean = moments_.exp_avg(g, run), square = moments_.exp_avg_sq(g, run);
      mean.lerp_(grads, 1 - beta1);
      square.mul_(beta2).addcmul_(grads, grads, 1 - beta2);
      const auto step = static_cast<double>(run.step);
      const double first = correct_bias ? 1 - std::pow(beta1, step) : 1;
      const double second = correct_bias ? 1 - std::pow(beta2, step) : 1;
      auto update = (square / second).sqrt_().add_(epsilon).reciprocal_().mul_(mean).div_(first);
      if (const auto decay = group.weight_decay.value_or(weight_decay); decay != 0)
        update.add_(group.values.slice(0, run.begin, run.end), decay);
      for (auto i = run.first_slot; i < run.last_slot; ++i) {
        const auto& slot = group.slots[i];
        auto own = update.narrow(0, slot.offset - run.begin, slot.numel);
        if (slot.parameter.dim() >= 2) {
          const auto length = slot.parameter.norm(), change = own.norm();
          own = own * torch::where((length > 0).logical_and(change > 0), length / change, 1.0);
        }
        slot.parameter.sub_(own.view_as(slot.parameter), rate);
      }
    }
  }
  parameters_.mark_changed();
}

}  // namespace langzoo
