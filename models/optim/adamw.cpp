#include "models/optim/adamw.h"

#include <stdexcept>

#include <fmt/format.h>

#include "third_party/torch.h"

namespace langzoo {

void AdamWOptions::validate() const {
  const auto check = [](bool ok, const char* field, double value, const char* range) {
    if (!ok) throw std::invalid_argument(fmt::format("AdamW: {} is {}, expected {}", field, value, range));
  };
  check(beta1 >= 0.0 && beta1 < 1.0, "beta1", beta1, "0 <= beta1 < 1");
  check(beta2 >= 0.0 && beta2 < 1.0, "beta2", beta2, "0 <= beta2 < 1");
  check(epsilon > 0.0 && epsilon <= 1.0, "epsilon", epsilon, "0 < epsilon <= 1");
  check(weight_decay >= 0.0 && weight_decay < 1e6, "weight_decay", weight_decay, "a number of 0 or more");
}

AdamW::AdamW(FlatParameters& parameters, AdamWOptions options) : parameters_(parameters), options_(options) {
  options_.validate();
  const torch::NoGradGuard no_grad;
  for (const auto& group : parameters_.groups()) {
    moments_.push_back({torch::zeros_like(group.values), torch::zeros_like(group.values),
                        torch::zeros({static_cast<std::int64_t>(group.slots.size())}, torch::kInt64)});
  }
}

void AdamW::step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  parameters_.gather();
  for (std::size_t g = 0; g < moments_.size(); ++g) {
    const auto& group = parameters_.groups()[g];
    auto& moments = moments_[g];
    const auto device = group.values.device();
    auto* const slot_steps = moments.steps.data_ptr<std::int64_t>();
    std::vector<torch::Tensor> values, grads, exp_avgs, exp_avg_sqs, steps;
    // Neighbours that take part and stand at the same step run as one: usually that is the whole group.
    for (std::size_t i = 0; i < group.slots.size();) {
      if (!group.slots[i].has_grad) {
        ++i;
        continue;
      }
      const std::size_t first = i;
      const std::int64_t step = slot_steps[first];
      while (i < group.slots.size() && group.slots[i].has_grad && slot_steps[i] == step) ++slot_steps[i++];
      const std::int64_t begin = group.slots[first].offset;
      const std::int64_t end = i < group.slots.size() ? group.slots[i].offset : group.values.numel();
      values.push_back(group.values.slice(0, begin, end));
      grads.push_back(group.grads.slice(0, begin, end));
      exp_avgs.push_back(moments.exp_avg.slice(0, begin, end));
      exp_avg_sqs.push_back(moments.exp_avg_sq.slice(0, begin, end));
      steps.push_back(torch::full({}, static_cast<double>(step + 1), torch::dtype(torch::kFloat32).device(device)));
    }
    if (values.empty()) continue;
    const auto on_device = [&](const torch::Tensor& scalar) {
      return scalar.defined() ? std::optional<torch::Tensor>(scalar.to(device)) : std::nullopt;
    };
    at::_fused_adamw_(values, grads, exp_avgs, exp_avg_sqs, {}, steps, learning_rate * group.lr_scale, options_.beta1,
                      options_.beta2, group.weight_decay.value_or(options_.weight_decay), options_.epsilon,
                      /*amsgrad=*/false, /*maximize=*/false, on_device(divisor), on_device(found_inf));
  }
  parameters_.mark_changed();
}

NamedTensors AdamW::state_dict() const {
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
