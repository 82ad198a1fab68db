#include "models/optim/adam_moments.h"

#include <stdexcept>

#include <fmt/format.h>

#include "third_party/torch.h"

namespace langzoo {

void AdamOptions::validate() const {
  const auto check = [](bool ok, const char* field, double value, const char* range) {
    if (!ok) throw std::invalid_argument(fmt::format("Adam: {} is {}, expected {}", field, value, range));
  };
  check(beta1 >= 0.0 && beta1 < 1.0, "beta1", beta1, "0 <= beta1 < 1");
  check(beta2 >= 0.0 && beta2 < 1.0, "beta2", beta2, "0 <= beta2 < 1");
  check(epsilon > 0.0 && epsilon <= 1.0, "epsilon", epsilon, "0 < epsilon <= 1");
  check(weight_decay >= 0.0 && weight_decay < 1e6, "weight_decay", weight_decay, "a number of 0 or more");
}

AdamMoments::AdamMoments(const FlatParameters& parameters) : parameters_(parameters) {
  const torch::NoGradGuard no_grad;
  for (const auto& group : parameters.groups()) {
    moments_.push_back({torch::zeros_like(group.values), torch::zeros_like(group.values),
                        torch::zeros({static_cast<std::int64_t>(group.slots.size())}, torch::kInt64)});
  }
}

std::vector<AdamMoments::Run> AdamMoments::advance(std::size_t group) {
  const auto& [values, grads, weight_decay, lr_scale, slots] = parameters_.groups()[group];
  auto* const steps = moments_[group].steps.data_ptr<std::int64_t>();
  std::vector<Run> runs;
  for (std::size_t i = 0; i < slots.size();) {
    if (!slots[i].has_grad) {
      ++i;
      continue;
    }
    Run run{.first_slot = i, .begin = slots[i].offset, .step = steps[i] + 1};
    while (i < slots.size() && slots[i].has_grad && steps[i] + 1 == run.step) ++steps[i++];
    run.last_slot = i;
    run.end = i < slots.size() ? slots[i].offset : values.numel();
    runs.push_back(run);
  }
  return runs;
}

NamedTensors AdamMoments::state_dict() const {
  NamedTensors state;
  for (std::size_t g = 0; g < moments_.size(); ++g) {
    const auto& group = parameters_.groups()[g];
    for (std::size_t i = 0; i < group.slots.size(); ++i) {
      const auto& slot = group.slots[i];
      state.insert("exp_avg." + slot.name, group.view(moments_[g].exp_avg, slot));
      state.insert("exp_avg_sq." + slot.name, group.view(moments_[g].exp_avg_sq, slot));
      state.insert("step." + slot.name, moments_[g].steps[static_cast<std::int64_t>(i)]);
    }
  }
  return state;
}

}  // namespace langzoo
