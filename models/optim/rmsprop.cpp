#include "models/optim/rmsprop.h"

#include "third_party/torch.h"

namespace langzoo {

void RmsPropOptions::for_each_field(FieldVisitor& visit) {
  visit("decay", decay, {.least = 0, .below = 1, .help = "of the running means"});
  visit("momentum", momentum, {.least = 0, .below = 1, .help = "share of the last change that goes on"});
  visit("epsilon", epsilon, {.most = 1, .above = 0, .help = "added to the variance, within the root"});
  visit("centered", centered, {.help = "divides by the root of the variance; false: of the mean square"});
}

RmsProp::RmsProp(FlatParameters& parameters, const RmsPropOptions& options)
    : parameters_(parameters), options_(options) {
  check_fields(options_, "rmsprop");
  const torch::NoGradGuard no_grad;
  for (const auto& group : parameters_.groups()) {
    means_.push_back(
        {torch::zeros_like(group.values), torch::zeros_like(group.values), torch::zeros_like(group.values)});
  }
}

void RmsProp::step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  parameters_.gather();
  if (found_inf.defined() && found_inf.item<double>() != 0) return;
  for (std::size_t g = 0; g < means_.size(); ++g) {
    const auto& group = parameters_.groups()[g];
    for (std::size_t i = 0; i < group.slots.size();) {
      if (!group.slots[i].has_grad) {
        ++i;
        continue;
      }
      // Neighbours with a gradient together: usually all.
      const auto begin = group.slots[i].offset;
      while (i < group.slots.size() && group.slots[i].has_grad) ++i;
      const auto end = i < group.slots.size() ? group.slots[i].offset : group.values.numel();
      const auto part = [&](const torch::Tensor& x) { return x.slice(0, begin, end); };
      auto grads = part(group.grads);
      if (divisor.defined()) grads = grads / divisor.to(grads.device());
      const auto square = part(means_[g].square), mean = part(means_[g].mean), change = part(means_[g].change);
      square.mul_(options_.decay).addcmul_(grads, grads, 1 - options_.decay);
      auto variance = square;
      if (options_.centered) {
        mean.lerp_(grads, 1 - options_.decay);
        variance = square.addcmul(mean, mean, -1).clamp_min_(0);  // rounding may make it negative
      }
      change.mul_(options_.momentum)
          .addcdiv_(grads, variance.add(options_.epsilon).sqrt_(), -learning_rate * group.lr_scale);
      part(group.values).add_(change);
    }
  }
  parameters_.mark_changed();
}

NamedTensors RmsProp::state_dict() const {
  NamedTensors state;
  for (std::size_t g = 0; g < means_.size(); ++g) {
    const auto& group = parameters_.groups()[g];
    for (const auto& slot : group.slots) {
      state.insert("square." + slot.name, group.view(means_[g].square, slot));
      state.insert("mean." + slot.name, group.view(means_[g].mean, slot));
      state.insert("change." + slot.name, group.view(means_[g].change, slot));
    }
  }
  return state;
}

}  // namespace langzoo
