#include "models/optim/adafactor.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/optim/factored_kernel.h"
#include "third_party/torch.h"

namespace langzoo {

void AdafactorOptions::for_each_field(FieldVisitor& visit) {
  visit("decay_rate", decay_rate, {.most = 0, .help = "beta2 at step t is 1 - t^decay_rate"});
  visit("clip_threshold", clip_threshold, {.above = 0, .help = "the largest root mean square of an update"});
  visit("eps1", eps1, {.above = 0, .below = 1, .help = "added to squared gradients"});
  visit("eps2", eps2, {.above = 0, .below = 1, .help = "the least root mean square that a parameter counts as having"});
  visit("scale_parameter", scale_parameter,
        {.help = "the learning rate is times the root mean square of the parameter"});
  visit("relative_step", relative_step,
        {.help = "at step t the learning rate is 1/sqrt(t) where that is less than the schedule's"});
  visit("beta1", beta1, {.least = 0, .below = 1, .help = "decay of the mean of updates; null: no momentum"});
  visit("min_dim_size_to_factor", min_dim_size_to_factor,
        {.least = 1, .help = "smaller matrices keep second moments of every element"});
}

void AdafactorOptions::validate() const {
  check_fields(*this, "Adafactor");
}

Adafactor::Adafactor(FlatParameters& parameters, AdafactorOptions options, double weight_decay)
    : parameters_(parameters), options_(options), weight_decay_(weight_decay) {
  options_.validate();
  if (!(weight_decay >= 0 && weight_decay < 1e6)) throw std::invalid_argument("Adafactor: weight_decay is negative");
  const torch::NoGradGuard no_grad;
  for (const auto& group : parameters_.groups()) {
    auto& of_group = moments_.emplace_back();
    for (const auto& slot : group.slots) {
      const auto& parameter = slot.parameter;
      const auto type = parameter.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
      const auto zeros = [&](at::IntArrayRef sizes) { return torch::zeros(sizes, parameter.options().dtype(type)); };
      Moments moments;
      if (is_factored(parameter)) {
        auto sizes = parameter.sizes().vec();
        const auto columns = sizes.back();
        sizes.pop_back();
        moments.row = zeros(sizes);
        sizes.back() = columns;
        moments.column = zeros(sizes);
      } else {
        moments.all = zeros(parameter.sizes());
      }
      if (options_.beta1) moments.mean = zeros(parameter.sizes());
      moments.step = torch::zeros({}, torch::kInt64);
      of_group.push_back(std::move(moments));
    }
  }
}

bool Adafactor::is_factored(const torch::Tensor& parameter) const {
  const auto least = options_.min_dim_size_to_factor;
  return parameter.dim() >= 2 && parameter.size(-1) >= least && parameter.size(-2) >= least;
}

double Adafactor::beta2(const Moments& moments) const {
  return 1.0 - std::pow(static_cast<double>(moments.step.item<std::int64_t>()), options_.decay_rate);
}

void Adafactor::step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  parameters_.gather();
  for (std::size_t g = 0; g < moments_.size(); ++g) {
    const auto& group = parameters_.groups()[g];
    const double decay = group.weight_decay.value_or(weight_decay_);
    const bool plain = group.values.is_cpu() && group.values.scalar_type() == torch::kFloat32 && !found_inf.defined() &&
                       !options_.beta1;
    const double scalar_divisor = plain && divisor.defined() ? divisor.item<double>() : 1.0;
    for (std::size_t i = 0; i < group.slots.size(); ++i) {
      const auto& slot = group.slots[i];
      if (!slot.has_grad) continue;
      auto& moments = moments_[g][i];
      moments.step += 1;
      const auto step = static_cast<double>(moments.step.item<std::int64_t>());
      const double rate =
          group.lr_scale * (options_.relative_step ? std::min(learning_rate, 1.0 / std::sqrt(step)) : learning_rate);
      if (plain && moments.row.defined() && slot.parameter.dim() == 2) {
        step_matrix(slot, moments, rate, decay, scalar_divisor);
      } else {
        step_any(slot, moments, rate, decay, divisor, found_inf);
      }
    }
  }
  parameters_.mark_changed();
}

void Adafactor::step_matrix(const Slot& slot, Moments& moments, double rate, double decay, double divisor) const {
  const FactoredMatrix matrix{slot.parameter.size(0), slot.parameter.size(1), slot.grad.data_ptr<float>(),
                              slot.parameter.data_ptr<float>()};
  const double weight = 1.0 - beta2(moments);
  auto row = torch::empty_like(moments.row), column = torch::empty_like(moments.column);
  const double parameter_rms = matrix.measure(row.data_ptr<float>(), column.data_ptr<float>());
  const double scale = 1.0 / (divisor * divisor);
  moments.row.lerp_(row.mul_(scale).add_(options_.eps1), weight);
  moments.column.lerp_(column.mul_(scale).add_(options_.eps1), weight);
  row = (moments.row / moments.row.mean()).rsqrt_().div_(divisor);
  column = moments.column.rsqrt();
  const double update_rms = matrix.update_rms(row.data_ptr<float>(), column.data_ptr<float>());
  if (options_.scale_parameter) rate *= std::max(options_.eps2, parameter_rms);
  const double clip = std::max(1.0, update_rms / options_.clip_threshold);
  matrix.apply(row.data_ptr<float>(), column.data_ptr<float>(), rate / clip, 1.0 - decay * rate);
}

void Adafactor::step_any(const Slot& slot, Moments& moments, double rate, double decay, const torch::Tensor& divisor,
                         const torch::Tensor& found_inf) const {
  const auto type = (moments.row.defined() ? moments.row : moments.all).scalar_type();
  const auto on_device = [&](const torch::Tensor& scalar) { return scalar.to(slot.grad.device(), type); };
  auto grad = slot.grad.to(type);
  if (divisor.defined()) grad = grad / on_device(divisor);
  auto weight = torch::full({}, 1.0 - beta2(moments), grad.options());
  torch::Tensor taken;  // 0 where the step is left out: nothing moves then
  if (found_inf.defined()) {
    taken = on_device(found_inf).eq(0).to(type);
    grad = torch::where(taken != 0, grad, 0.0);
    weight = weight * taken;
  }
  const auto square = grad.square().add_(options_.eps1);
  torch::Tensor update;
  if (moments.row.defined()) {
    moments.row.lerp_(square.mean(-1), weight);
    moments.column.lerp_(square.mean(-2), weight);
    update = (moments.row / moments.row.mean(-1, /*keepdim=*/true)).rsqrt_().unsqueeze(-1) *
             moments.column.rsqrt().unsqueeze(-2);
    update.mul_(grad);
  } else {
    moments.all.lerp_(square, weight);
    update = moments.all.rsqrt().mul_(grad);
  }
  const auto rms = [](const torch::Tensor& x) { return at::linalg_vector_norm(x, 2).div(std::sqrt(x.numel())); };
  update.div_(rms(update).div_(options_.clip_threshold).clamp_min_(1.0));
  auto values = slot.parameter.detach();
  const auto wide = values.to(type);
  auto alpha = torch::full({}, rate, grad.options());
  if (options_.scale_parameter) alpha = alpha * rms(wide).clamp_min(options_.eps2);
  update.mul_(alpha);
  if (options_.beta1) {
    auto momentum = torch::full({}, 1.0 - *options_.beta1, grad.options());
    moments.mean.lerp_(update, taken.defined() ? momentum * taken : momentum);
    update = moments.mean;
  }
  if (taken.defined()) update = update * taken, alpha = alpha * taken;
  values.copy_(wide * (1.0 - alpha * decay) - update);
}

NamedTensors Adafactor::state_dict() const {
  NamedTensors state;
  for (std::size_t g = 0; g < moments_.size(); ++g) {
    const auto& slots = parameters_.groups()[g].slots;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const auto& [row, column, all, mean, step] = moments_[g][i];
      const auto& name = slots[i].name;
      if (row.defined()) {
        state.insert("exp_avg_sq_row." + name, row);
        state.insert("exp_avg_sq_col." + name, column);
      } else {
        state.insert("exp_avg_sq." + name, all);
      }
      if (mean.defined()) state.insert("exp_avg." + name, mean);
      state.insert("step." + name, step);
    }
  }
  return state;
}

}  // namespace langzoo
