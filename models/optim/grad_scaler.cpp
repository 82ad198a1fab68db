#include "models/optim/grad_scaler.h"

#include <stdexcept>

#include "third_party/torch.h"

namespace langzoo {

GradScaler::GradScaler(torch::Device device, GradScalerOptions options) : options_(options) {
  const auto float32 = torch::dtype(torch::kFloat32).device(device);
  scale_ = torch::full({1}, options_.initial_scale, float32);
  growth_tracker_ = torch::zeros({1}, torch::dtype(torch::kInt32).device(device));
  found_inf_ = torch::zeros({1}, float32);
}

bool GradScaler::unscale(FlatParameters& parameters) {
  const torch::NoGradGuard no_grad;
  parameters.gather();
  found_inf_.zero_();
  const auto inverse = scale_.to(torch::kFloat64).reciprocal().to(torch::kFloat32);
  for (const auto& group : parameters.groups()) {
    if (group.grads.device() != scale_.device())
      throw std::invalid_argument("gradient scaler: a parameter is on another device than the scaler");
    at::_amp_foreach_non_finite_check_and_unscale_({group.grads}, found_inf_, inverse);
  }
  return found_inf_.item<float>() != 0.0f;
}

void GradScaler::update() {
  const torch::NoGradGuard no_grad;
  at::_amp_update_scale_(scale_, growth_tracker_, found_inf_, options_.growth_factor, options_.backoff_factor,
                         options_.growth_interval);
}

NamedTensors GradScaler::state_dict() const {
  NamedTensors state;
  state.insert("scale", scale_);
  state.insert("growth_tracker", growth_tracker_);
  return state;
}

void GradScaler::load_state_dict(const NamedTensors& state) {
  const torch::NoGradGuard no_grad;
  for (const auto& [name, target] : {std::pair{"scale", scale_}, std::pair{"growth_tracker", growth_tracker_}}) {
    const torch::Tensor* found = state.find(name);
    if (found == nullptr || found->numel() != 1)
      throw std::invalid_argument(std::string("gradient scaler state: ") + name + " is missing or not a scalar");
    target.copy_(found->view({1}));
  }
}

}  // namespace langzoo
