#include "models/generation/step.h"

#include <ATen/ATen.h>

#include <vector>

#include "models/generation/sampler.h"

namespace langzoo {

torch::Tensor StepFunction::likeliest(const torch::Tensor& ids) {
  return langzoo::likeliest(step(ids));
}

torch::Tensor StepFunction::all_logits(const torch::Tensor& ids) {
  std::vector<torch::Tensor> logits;
  for (const auto& column : ids.split(1, 1)) logits.push_back(step(column));  // (B,1) -> (B,V)
  return at::stack(logits, 1);
}

}  // namespace langzoo
