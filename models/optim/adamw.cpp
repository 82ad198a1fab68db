#include "models/optim/adamw.h"

#include <limits>

#include "third_party/torch.h"

namespace langzoo {

AdamW::AdamW(FlatParameters& parameters, AdamOptions options)
    : parameters_(parameters), options_(options), moments_(parameters) {
  options_.validate();
}

void AdamW::step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& found_inf) {
  const torch::NoGradGuard no_grad;
  parameters_.gather();
  for (std::size_t g = 0; g < parameters_.groups().size(); ++g) {
    const auto& group = parameters_.groups()[g];
    const auto device = group.values.device();
    std::vector<torch::Tensor> values, grads, exp_avgs, exp_avg_sqs, steps;
    for (const auto& run : moments_.advance(g)) {
      values.push_back(group.values.slice(0, run.begin, run.end));
      grads.push_back(group.grads.slice(0, run.begin, run.end));
      exp_avgs.push_back(moments_.exp_avg(g, run));
      exp_avg_sqs.push_back(moments_.exp_avg_sq(g, run));
      // The kernel corrects by 1 - beta^step, which is 1 in the end.
      const auto step =
          options_.correct_bias ? static_cast<double>(run.step) : std::numeric_limits<double>::infinity();
      steps.push_back(torch::full({}, step, torch::dtype(torch::kFloat32).device(device)));
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

}  // namespace langzoo
