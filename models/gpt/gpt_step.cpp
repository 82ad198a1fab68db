#include "models/gpt/gpt_step.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

Gpt2StepFunction::Gpt2StepFunction(Gpt2LmHeadModel model, const torch::Tensor& prompt_mask, std::int64_t capacity)
    : model_(std::move(model)), capacity_(capacity) {
  const Gpt2Config& config = model_->config();
  if (capacity < 1 || capacity > config.n_positions)
    throw std::invalid_argument(
        c10::str("gpt2: a sequence of ", capacity,
                 " tokens (prompt and new ones) must lie between 1 and n_positions = ", config.n_positions));
  if (model_->is_training()) throw std::invalid_argument("gpt2: generation needs evaluation mode: call eval() first");
  caches_.assign(static_cast<std::size_t>(config.n_layer), KvCache(capacity));
  if (!prompt_mask.defined() || prompt_mask.ne(0).all().item<bool>()) return;
  if (prompt_mask.dim() != 2 || prompt_mask.size(1) > capacity)
    throw std::invalid_argument(
        c10::str("gpt2: prompt mask ", prompt_mask.sizes(), " is not (B,T) with T of at most ", capacity));
  mask_ = at::ones({prompt_mask.size(0), capacity}, prompt_mask.options());
  mask_.narrow(1, 0, prompt_mask.size(1)).copy_(prompt_mask);
}

/// Hidden states after the new tokens. Shapes: (B,T) -> (B,T,C).
torch::Tensor Gpt2StepFunction::read(const torch::Tensor& ids) {
  const auto seen = caches_.front().length() + ids.size(1);
  if (seen > capacity_)
    throw std::invalid_argument(c10::str("gpt2: ", seen, " tokens exceed the capacity of ", capacity_));
  Gpt2Inputs inputs;
  if (mask_.defined()) inputs.attention_mask = mask_.narrow(1, 0, seen);
  inputs.caches = &caches_;
  return model_->transformer->forward(ids, inputs);
}

torch::Tensor Gpt2StepFunction::step(const torch::Tensor& ids) {
  const c10::InferenceMode inference;
  return model_->lm_head(read(ids).select(1, -1)).to(torch::kFloat32);  // (B,V)
}

torch::Tensor Gpt2StepFunction::all_logits(const torch::Tensor& ids) {
  const c10::InferenceMode inference;
  return model_->lm_head(read(ids)).to(torch::kFloat32);  // (B,T,V)
}

void Gpt2StepFunction::reorder(const torch::Tensor& rows) {
  const c10::InferenceMode inference;
  for (auto& cache : caches_) cache.reorder(rows);
  if (mask_.defined()) mask_ = mask_.index_select(0, rows);
}

}  // namespace langzoo
