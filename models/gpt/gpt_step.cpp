#include "models/gpt/gpt_step.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/generation/sampler.h"
#include "third_party/torch.h"

namespace langzoo {

GptStepFunction::GptStepFunction(std::shared_ptr<GptLm> model, const torch::Tensor& prompt_mask, std::int64_t capacity)
    : model_(std::move(model)), capacity_(capacity) {
  auto& stack = model_->stack();
  const auto* const family = model_->family_name();
  if (capacity < 1 || capacity > stack.n_positions())
    throw std::invalid_argument(
        c10::str(family, ": a sequence of ", capacity,
                 " tokens (prompt and new ones) must lie between 1 and n_positions = ", stack.n_positions()));
  if (stack.module().is_training())
    throw std::invalid_argument(c10::str(family, ": generation needs evaluation mode: call eval() first"));
  caches_ = stack.caches(capacity);
  if (!prompt_mask.defined() || prompt_mask.ne(0).all().item<bool>()) return;
  if (prompt_mask.dim() != 2 || prompt_mask.size(1) > capacity)
    throw std::invalid_argument(
        c10::str(family, ": prompt mask ", prompt_mask.sizes(), " is not (B,T) with T of at most ", capacity));
  mask_ = at::ones({prompt_mask.size(0), capacity}, prompt_mask.options());
  mask_.narrow(1, 0, prompt_mask.size(1)).copy_(prompt_mask);
}

/// Hidden states after the new tokens. Shapes: (B,T) -> (B,T,C).
torch::Tensor GptStepFunction::read(const torch::Tensor& ids) {
  const auto seen = caches_.front().length() + ids.size(1);
  if (seen > capacity_)
    throw std::invalid_argument(
        c10::str(model_->family_name(), ": ", seen, " tokens exceed the capacity of ", capacity_));
  GptInputs inputs;
  if (mask_.defined()) inputs.attention_mask = mask_.narrow(1, 0, seen);
  inputs.caches = &caches_;
  return model_->stack().forward(ids, inputs);
}

torch::Tensor GptStepFunction::step(const torch::Tensor& ids) {
  const c10::InferenceMode inference;
  return model_->head()(read(ids).select(1, -1)).to(torch::kFloat32);  // (B,V)
}

torch::Tensor GptStepFunction::likeliest(const torch::Tensor& ids) {
  const c10::InferenceMode inference;
  return langzoo::likeliest(read(ids).select(1, -1), model_->head());  // (B)
}

torch::Tensor GptStepFunction::all_logits(const torch::Tensor& ids) {
  const c10::InferenceMode inference;
  return model_->head()(read(ids)).to(torch::kFloat32);  // (B,T,V)
}

void GptStepFunction::reorder(const torch::Tensor& rows) {
  const c10::InferenceMode inference;
  for (auto& cache : caches_) cache.reorder(rows);
  if (mask_.defined()) mask_ = mask_.index_select(0, rows);
}

}  // namespace langzoo
