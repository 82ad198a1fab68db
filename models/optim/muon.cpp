#include "models/optim/muon.h"

#include <algorithm>
#include <cmath>

#include <fnmatch.h>

#include "models/layers/matmul.h"
#include "third_party/torch.h"

namespace langzoo {

void MuonOptions::for_each_field(FieldVisitor& visit) {
  visit("momentum", momentum, {.least = 0, .below = 1, .help = "decay of the running mean of gradients"});
  visit("nesterov", nesterov, {.help = "a step looks ahead: the gradient counts once more beside the running mean"});
  visit("ns_steps", ns_steps, {.least = 1, .most = 100, .help = "Newton-Schulz iterations"});
  visit("ns_bfloat16", ns_bfloat16, {.help = "the iterations are computed in bfloat16, as torch.optim.Muon does"});
  visit("adamw", adamw,
        {.help = "patterns of the names that AdamW trains, beside all parameters that are no matrices"});
}

void MuonOptions::validate() const {
  check_fields(*this, "Muon");
}

namespace {

/// p C + q A B, which is rounded once in bfloat16.
torch::Tensor combination(double p, const torch::Tensor& C, double q, const torch::Tensor& A, const torch::Tensor& B) {
  if (C.scalar_type() == torch::kBFloat16) return at::addmm(C, A, B, p, q);
  return matmul_2d(A, B).mul_(q).add_(C, p);
}

}  // namespace

torch::Tensor orthogonalized(const torch::Tensor& G, std::int64_t steps) {
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;  // a steep odd polynomial that ends near 1, as the post has it
  const bool tall = G.size(0) > G.size(1);
  auto X = (tall ? G.t() : G).contiguous();
  X = X / (X.norm() + 1e-7);
  for (std::int64_t i = 0; i < steps; ++i) {
    const auto A = matmul_2d(X, X.t());
    X = combination(a, X, 1, combination(b, A, c, A, A), X);
  }
  return tall ? X.t() : X;
}

Muon::Muon(FlatParameters& parameters, AdamOptions adamw, MuonOptions options)
    : parameters_(parameters), adamw_(adamw), options_(std::move(options)) {
  adamw_.validate();
  options_.validate();
  const torch::NoGradGuard no_grad;
  const auto by_adamw = [&](const FlatParameters::Slot& slot) {
    return slot.parameter.dim() != 2 || std::ranges::any_of(options_.adamw, [&](const std::string& pattern) {
             return fnmatch(pattern.c_str(), slot.name.c_str(), 0) == 0;
           });
  };
  for (const auto& group : parameters_.groups()) {
    auto& of_group = states_.emplace_back();
    for (const auto& slot : group.slots) {
      const auto& values = slot.parameter;
      State state;
      if (by_adamw(slot)) {
        state.mean = torch::zeros_like(values), state.square = torch::zeros_like(values);
        state.step = torch::zeros({}, torch::dtype(torch::kFloat32).device(values.device()));
      } else {
        const auto type = values.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
        state.momentum = torch::zeros(values.sizes(), values.options().dtype(type).requires_grad(false));
      }
      of_group.push_back(std::move(state));
    }
  }
}

void Muon::step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  parameters_.gather();
  const bool leave_out = found_inf.defined() && found_inf.item<double>() != 0;
  for (std::size_t g = 0; g < states_.size(); ++g) {
    const auto& group = parameters_.groups()[g];
    const auto rate = learning_rate * group.lr_scale;
    const auto decay = group.weight_decay.value_or(adamw_.weight_decay);
    std::vector<torch::Tensor> values, grads, means, squares, steps;
    for (std::size_t i = 0; i < group.slots.size(); ++i) {
      const auto& slot = group.slots[i];
      auto& [momentum, mean, square, step] = states_[g][i];
      if (!slot.has_grad) continue;
      if (step.defined()) step.add_(1);
      if (leave_out) continue;
      if (momentum.defined()) {
        step_matrix(slot, momentum, rate, decay, divisor);
        continue;
      }
      values.push_back(slot.parameter.detach());
      grads.push_back(slot.grad);
      means.push_back(mean);
      squares.push_back(square);
      // The kernel corrects by 1 - beta^step, which is 1 in the end.
      steps.push_back(adamw_.correct_bias ? step : torch::full_like(step, INFINITY));
    }
    if (values.empty()) continue;
    const auto scale = divisor.defined() ? std::optional(divisor.to(group.values.device())) : std::nullopt;
    at::_fused_adamw_(values, grads, means, squares, {}, steps, rate, adamw_.beta1, adamw_.beta2, decay, adamw_.epsilon,
                      /*amsgrad=*/false, /*maximize=*/false, scale, std::nullopt);
  }
  parameters_.mark_changed();
}

void Muon::step_matrix(const FlatParameters::Slot& slot, torch::Tensor& momentum, double rate, double decay,
                       const torch::Tensor& divisor) const {
  auto grad = slot.grad.to(momentum.scalar_type());
  if (divisor.defined()) grad = grad / divisor.to(grad.device(), grad.scalar_type());
  momentum.lerp_(grad, 1 - options_.momentum);
  auto update = options_.nesterov ? grad.lerp(momentum, options_.momentum) : momentum;
  if (options_.ns_bfloat16) update = update.to(torch::kBFloat16);
  update = orthogonalized(update, options_.ns_steps);
  auto values = slot.parameter.detach();
  const auto largest = static_cast<double>(std::max(values.size(0), values.size(1)));
  values.mul_(1 - rate * decay).sub_(update, rate * 0.2 * std::sqrt(largest));
}

NamedTensors Muon::state_dict() const {
  NamedTensors state;
  for (std::size_t g = 0; g < states_.size(); ++g) {
    const auto& slots = parameters_.groups()[g].slots;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const auto& [momentum, mean, square, step] = states_[g][i];
      const auto& name = slots[i].name;
      if (momentum.defined()) {
        state.insert("momentum." + name, momentum);
      } else {
        state.insert("exp_avg." + name, mean);
        state.insert("exp_avg_sq." + name, square);
        state.insert("step." + name, step);
      }
    }
  }
  return state;
}

}  // namespace langzoo
