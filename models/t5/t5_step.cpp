#include "models/t5/t5_step.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/generation/sampler.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

T5StepFunction::T5StepFunction(T5ForConditionalGeneration model, const Tensor& source, const Tensor& source_lengths,
                               std::int64_t capacity)
    : model_(std::move(model)), capacity_(capacity) {
  if (capacity < 1) throw std::invalid_argument(c10::str("t5: a target of ", capacity, " tokens must have 1 at least"));
  if (model_->is_training()) throw std::invalid_argument("t5: generation needs evaluation mode: call eval() first");
  const c10::InferenceMode inference;
  memory_ = model_->body.read(source, source_lengths);
  caches_.assign(memory_.size(), KvCache(capacity));
  biases_ = model_->body.decoder->cached_biases(capacity);
}

/// Hidden states after the new tokens. Shapes: (B,T) -> (B,T,C).
Tensor T5StepFunction::read(const Tensor& ids) {
  const auto rows = memory_.front().rows();
  if (ids.dim() != 2 || ids.size(0) != rows || ids.size(1) < 1)
    throw std::invalid_argument(c10::str("t5: a step takes (B,T) ids for B = ", rows, " rows, not ", ids.sizes()));
  const auto seen = caches_.front().length() + ids.size(1);
  if (seen > capacity_)
    throw std::invalid_argument(c10::str("t5: ", seen, " tokens exceed the capacity of ", capacity_));
  const auto decoded = model_->body.decoder->forward(ids, {.memory = &memory_, .caches = &caches_, .biases = biases_});
  queries_ = decoded.queries.narrow(2, ids.size(1) - 1, 1);
  return decoded.hidden;
}

Tensor T5StepFunction::step(const Tensor& ids) {
  const c10::InferenceMode inference;
  return model_->logits(read(ids).select(1, -1)).to(torch::kFloat32);  // (B,V)
}

Tensor T5StepFunction::likeliest(const Tensor& ids) {
  const c10::InferenceMode inference;
  return langzoo::likeliest(model_->scaled(read(ids).select(1, -1)), model_->lm_head);  // (B)
}

Tensor T5StepFunction::all_logits(const Tensor& ids) {
  const c10::InferenceMode inference;
  return model_->logits(read(ids)).to(torch::kFloat32);  // (B,T,V)
}

void T5StepFunction::reorder(const Tensor& rows) {
  const c10::InferenceMode inference;
  const auto on_cpu = rows.cpu();
  for (auto& cache : caches_) cache.reorder(rows);
  for (auto& memory : memory_) memory.reorder(on_cpu);
  if (queries_.defined()) queries_ = queries_.index_select(0, rows);
}

Tensor T5StepFunction::attention() const {
  if (!queries_.defined()) return {};
  const c10::InferenceMode inference;
  return model_->body.decoder->alignment(queries_, memory_).squeeze(1);
}

}  // namespace langzoo
