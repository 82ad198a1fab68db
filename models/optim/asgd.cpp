#include "models/optim/asgd.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "third_party/torch.h"

namespace langzoo {

void AsgdOptions::for_each_field(FieldVisitor& visit) {
  visit("nonmono", nonmono,
        {.least = 0, .most = 1000, .help = "evaluations without a best before averaging begins; 0: at once"});
  visit("weight_decay", weight_decay, {.least = 0, .below = 1e6, .help = "L2, of matrices"});
}

Asgd::Asgd(FlatParameters& parameters, const AsgdOptions& options) : parameters_(parameters), options_(options) {
  check_fields(options_, "asgd");
  const torch::NoGradGuard no_grad;
  averaged_ = torch::full({}, -1, torch::kInt64);
  losses_ = torch::full({kMostEvaluations}, std::numeric_limits<double>::quiet_NaN(), torch::kFloat64);
  for (const auto& group : parameters_.groups()) averages_.push_back(torch::zeros_like(group.values));
  if (options_.nonmono == 0) trigger();
}

void Asgd::trigger() {
  averaged_.zero_();
}

void Asgd::step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  parameters_.gather();
  const bool averaging = steps() >= 0;
  if (averaging) averaged_.add_(1);
  for (std::size_t g = 0; g < averages_.size(); ++g) {
    const auto& group = parameters_.groups()[g];
    torch::Tensor update = group.grads;  // those of parameters that took no part are zero
    if (divisor.defined()) update = update / divisor.to(update.device());
    const double decay = group.weight_decay.value_or(options_.weight_decay);
    if (decay > 0) update = update.add(group.values, decay);
    if (found_inf.defined()) update = torch::where(found_inf.to(update.device()) == 0, update, 0.0);
    group.values.sub_(update, learning_rate * group.lr_scale);
    if (averaging) averages_[g].lerp_(group.values, 1.0 / static_cast<double>(steps()));
  }
  parameters_.mark_changed();
}

void Asgd::evaluated(double loss) {
  auto* const losses = losses_.data_ptr<double>();
  const auto* const end = std::find_if(losses, losses + kMostEvaluations, [](double x) { return std::isnan(x); });
  const auto count = end - losses;
  const auto n = options_.nonmono;
  if (steps() < 0 && count > n && loss > *std::min_element(losses, losses + (count - n))) trigger();
  if (std::isnan(loss)) return;
  if (count == kMostEvaluations) std::copy(losses + 1, losses + count, losses);
  losses[std::min<std::int64_t>(count, kMostEvaluations - 1)] = loss;
}

void Asgd::exchange_average() {
  const torch::NoGradGuard no_grad;
  parameters_.gather();
  for (std::size_t g = 0; g < averages_.size(); ++g) {
    const auto& values = parameters_.groups()[g].values;
    const auto kept = values.clone();
    values.copy_(averages_[g]);
    averages_[g].copy_(kept);
  }
  parameters_.mark_changed();
}

NamedTensors Asgd::state_dict() const {
  NamedTensors state;
  for (std::size_t g = 0; g < averages_.size(); ++g) {
    const auto& group = parameters_.groups()[g];
    for (const auto& slot : group.slots) state.insert("average." + slot.name, group.view(averages_[g], slot));
  }
  state.insert("averaged", averaged_);
  state.insert("losses", losses_);
  return state;
}

}  // namespace langzoo
