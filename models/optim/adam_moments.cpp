#include "models/optim/adam_moments.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "models/optim/optimizer.h"
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
  const auto& shard = parameters.shard();
  for (const auto& group : parameters.groups()) {
    const auto begin = shard.begin(group.values.numel());
    const auto own = group.values.slice(0, begin, shard.end(group.values.numel()));
    moments_.push_back({torch::zeros_like(own), torch::zeros_like(own), begin,
                        torch::zeros({static_cast<std::int64_t>(group.slots.size())}, torch::kInt64)});
  }
}

std::vector<AdamMoments::Run> AdamMoments::advance(std::size_t group) {
  const auto& [values, grads, weight_decay, lr_scale, slots] = parameters_.groups()[group];
  auto* const steps = moments_[group].steps.data_ptr<std::int64_t>();
  const auto own_begin = moments_[group].begin, own_end = own_begin + moments_[group].exp_avg.numel();
  std::vector<Run> runs;
  for (std::size_t i = 0; i < slots.size();) {
    if (!slots[i].has_grad) {
      ++i;
      continue;
    }
    Run run{.first_slot = i, .begin = slots[i].offset, .step = steps[i] + 1};
    while (i < slots.size() && slots[i].has_grad && steps[i] + 1 == run.step) ++steps[i++];
    run.last_slot = i;
    run.end = std::min(i < slots.size() ? slots[i].offset : values.numel(), own_end);
    run.begin = std::max(run.begin, own_begin);
    if (run.begin < run.end) runs.push_back(run);
  }
  return runs;
}

NamedTensors AdamMoments::named(std::size_t g, const torch::Tensor& exp_avg, const torch::Tensor& exp_avg_sq) const {
  NamedTensors state;
  const auto& group = parameters_.groups()[g];
  for (std::size_t i = 0; i < group.slots.size(); ++i) {
    const auto& slot = group.slots[i];
    state.insert("exp_avg." + slot.name, group.view(exp_avg, slot));
    state.insert("exp_avg_sq." + slot.name, group.view(exp_avg_sq, slot));
    state.insert("step." + slot.name, moments_[g].steps[static_cast<std::int64_t>(i)]);
  }
  return state;
}

NamedTensors AdamMoments::state_dict() const {
  const auto& shard = parameters_.shard();
  NamedTensors state;
  for (std::size_t g = 0; g < moments_.size(); ++g) {
    auto exp_avg = moments_[g].exp_avg, exp_avg_sq = moments_[g].exp_avg_sq;
    if (shard.world > 1) exp_avg = shard.gather(exp_avg), exp_avg_sq = shard.gather(exp_avg_sq);
    if (!exp_avg.defined()) continue;
    for (const auto& item : named(g, exp_avg, exp_avg_sq)) state.insert(item.key(), item.value());
  }
  return state;
}

void AdamMoments::load_state_dict(const NamedTensors& saved) {
  const torch::NoGradGuard no_grad;
  NamedTensors state;
  std::vector<torch::Tensor> all;
  for (std::size_t g = 0; g < moments_.size(); ++g) {
    const auto& values = parameters_.groups()[g].values;
    const bool own = moments_[g].exp_avg.numel() == values.numel();
    for (const auto& moment : {moments_[g].exp_avg, moments_[g].exp_avg_sq})
      all.push_back(own ? moment : torch::zeros_like(values));
    for (const auto& item : named(g, all[2 * g], all[2 * g + 1])) state.insert(item.key(), item.value());
  }
  copy_state(state, saved, "optimizer state");
  for (std::size_t g = 0; g < moments_.size(); ++g) {
    auto& [exp_avg, exp_avg_sq, begin, steps] = moments_[g];
    if (exp_avg.is_same(all[2 * g])) continue;
    exp_avg.copy_(all[2 * g].narrow(0, begin, exp_avg.numel()));
    exp_avg_sq.copy_(all[2 * g + 1].narrow(0, begin, exp_avg.numel()));
  }
}

std::int64_t AdamMoments::bytes() const {
  std::int64_t bytes = 0;
  for (const auto& moments : moments_)
    bytes += static_cast<std::int64_t>(moments.exp_avg.nbytes() + moments.exp_avg_sq.nbytes());
  return bytes;
}

}  // namespace langzoo
