#include "models/optim/ema.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "third_party/torch.h"

namespace langzoo {

Ema::Ema(FlatParameters& parameters, double decay) : parameters_(parameters), decay_(decay) {
  if (!(decay >= 0.0 && decay < 1.0))
    throw std::invalid_argument(fmt::format("moving average: decay is {}, expected 0 <= decay < 1", decay));
  const torch::NoGradGuard no_grad;
  updates_ = torch::zeros({}, torch::kInt64);
  parameters_.gather();
  for (const auto& group : parameters_.groups()) averages_.push_back(group.values.clone());
}

void Ema::update() {
  const torch::NoGradGuard no_grad;
  const auto n = static_cast<double>((*updates_.data_ptr<std::int64_t>())++);
  const double decay = std::min(decay_, (1.0 + n) / (10.0 + n));
  parameters_.gather();
  for (std::size_t g = 0; g < averages_.size(); ++g) averages_[g].lerp_(parameters_.groups()[g].values, 1.0 - decay);
}

void Ema::exchange() {
  const torch::NoGradGuard no_grad;
  constexpr std::int64_t kChunk = std::int64_t{1} << 20;  // bounds the temporary
  parameters_.gather();
  for (std::size_t g = 0; g < averages_.size(); ++g) {
    const auto values = parameters_.groups()[g].values.split(kChunk);
    const auto averages = averages_[g].split(kChunk);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto kept = values[i].clone();
      values[i].copy_(averages[i]);
      averages[i].copy_(kept);
    }
  }
  parameters_.mark_changed();
}

NamedTensors Ema::state_dict() const {
  NamedTensors state;
  for (std::size_t g = 0; g < averages_.size(); ++g) {
    const auto& group = parameters_.groups()[g];
    for (const auto& slot : group.slots) state.insert("average." + slot.name, group.view(averages_[g], slot));
  }
  state.insert("updates", updates_);
  return state;
}

void Ema::load_state_dict(const NamedTensors& state) {
  copy_state(state_dict(), state, "moving average state");
}

}  // namespace langzoo
