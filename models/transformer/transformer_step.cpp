#include "models/transformer/transformer_step.h"
#include "third_party/torch.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

namespace langzoo {

using torch::Tensor;

namespace {

std::vector<CrossKvCache> encoded(TransformerMtModel& model, const Tensor& source, const Tensor& source_lengths) {
  const c10::InferenceMode inference;
  return model->encode(source, source_lengths);
}

}  // namespace

TransformerStepFunction::TransformerStepFunction(TransformerMtModel model, const Tensor& source,
                                                 const Tensor& source_lengths, std::int64_t capacity)
    : TransformerStepFunction(
          model->model->decoder, [model](const Tensor& hidden) mutable { return model->logits(hidden); },
          encoded(model, source, source_lengths), capacity) {}

TransformerStepFunction::TransformerStepFunction(TransformerDecoder decoder,
                                                 std::function<Tensor(const Tensor&)> logits,
                                                 std::vector<CrossKvCache> memory, std::int64_t capacity)
    : decoder_(std::move(decoder)), logits_(std::move(logits)), capacity_(capacity), memory_(std::move(memory)) {
  const auto positions = decoder_->config().max_position_embeddings;
  if (capacity < 1 || capacity > positions)
    throw std::invalid_argument(c10::str("transformer: a target of ", capacity,
                                         " tokens must lie between 1 and max_position_embeddings = ", positions));
  if (decoder_->is_training())
    throw std::invalid_argument("transformer: generation needs evaluation mode: call eval() first");
  caches_.assign(memory_.size(), KvCache(capacity));
}

/// Hidden states after the new tokens. Shapes: (B,T) -> (B,T,C).
Tensor TransformerStepFunction::read(const Tensor& ids) {
  const auto rows = memory_.front().rows();
  if (ids.dim() != 2 || ids.size(0) != rows || ids.size(1) < 1)
    throw std::invalid_argument(
        c10::str("transformer: a step takes (B,T) ids for B = ", rows, " rows, not ", ids.sizes()));
  const auto seen = caches_.front().length() + ids.size(1);
  if (seen > capacity_)
    throw std::invalid_argument(c10::str("transformer: ", seen, " tokens exceed the capacity of ", capacity_));
  const auto decoded = decoder_->forward(ids, {.memory = &memory_, .caches = &caches_});
  queries_ = decoded.queries.narrow(2, ids.size(1) - 1, 1);
  return decoded.hidden;
}

Tensor TransformerStepFunction::step(const Tensor& ids) {
  const c10::InferenceMode inference;
  return logits_(read(ids).select(1, -1)).to(torch::kFloat32);  // (B,V)
}

Tensor TransformerStepFunction::all_logits(const Tensor& ids) {
  const c10::InferenceMode inference;
  return logits_(read(ids)).to(torch::kFloat32);  // (B,T,V)
}

void TransformerStepFunction::reorder(const Tensor& rows) {
  const c10::InferenceMode inference;
  const auto on_cpu = rows.cpu();
  for (auto& cache : caches_) cache.reorder(rows);
  for (auto& memory : memory_) memory.reorder(on_cpu);
  if (queries_.defined()) queries_ = queries_.index_select(0, rows);
}

Tensor TransformerStepFunction::attention() const {
  if (!queries_.defined()) return {};
  const c10::InferenceMode inference;
  return decoder_->alignment(queries_, memory_).squeeze(1);
}

}  // namespace langzoo
