#include "models/stream_lm.h"

#include <algorithm>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

Tensor target_log_probabilities(const Tensor& logits, const Tensor& targets) {
  const auto precise = logits.to(torch::kFloat32);
  return precise.gather(1, targets.unsqueeze(1)).squeeze(1) - precise.logsumexp(1);
}

Tensor target_log_probabilities(const Tensor& states, const Tensor& targets,
                                const std::function<Tensor(const Tensor&)>& output) {
  constexpr std::int64_t kRows = 256;
  std::vector<Tensor> parts;
  for (std::int64_t first = 0; first < states.size(0); first += kRows) {
    const auto count = std::min(kRows, states.size(0) - first);
    parts.push_back(target_log_probabilities(output(states.narrow(0, first, count)), targets.narrow(0, first, count)));
  }
  return at::cat(parts);
}

Tensor StreamLm::log_probabilities(const Tensor& ids, const Tensor& targets, StreamMemory& memory) {
  const auto hidden = read(ids, memory).hidden.transpose(0, 1).flatten(0, 1);  // (B T, C)
  const auto output = [this](const Tensor& states) { return output_logits(states); };
  return target_log_probabilities(hidden, targets.reshape({-1}), output).view(ids.sizes());
}

std::optional<std::int32_t> StreamLm::prompt_start() const {
  const auto ends = end_tokens();
  return ends.empty() ? std::nullopt : std::optional(ends.front());
}

Tensor StreamLm::logits(const Tensor& ids) {
  auto fresh = memory(ids.size(0));
  return output_logits(read(ids, fresh).hidden).transpose(0, 1);  // (T,B,V) -> (B,T,V)
}

Tensor StreamLm::loss_sum(const Tensor& ids, const Tensor& targets) {
  auto fresh = memory(ids.size(0));
  return output_loss(read(ids, fresh).hidden.flatten(0, 1), targets.t().reshape({-1}));
}

std::unique_ptr<StepFunction> StreamLm::start(const Tensor& mask, std::int64_t capacity) {
  return std::make_unique<StreamStepFunction>(module().shared_from_this(), *this, mask, capacity);
}

StreamStepFunction::StreamStepFunction(std::shared_ptr<torch::nn::Module> owner, StreamLm& model, const Tensor& mask,
                                       std::int64_t capacity)
    : owner_(std::move(owner)), model_(model), capacity_(capacity) {
  if (capacity < 1) throw std::invalid_argument(c10::str("language model: capacity = ", capacity, " must be positive"));
  if (owner_->is_training())
    throw std::invalid_argument("language model: generation needs evaluation mode: call eval() first");
  if (mask.defined() && !mask.ne(0).all().item<bool>()) mask_ = mask.ne(0).cpu();
}

/// What the output layer reads after each new token. Shapes: (B,T) -> (T,B,C).
Tensor StreamStepFunction::read(const Tensor& ids) {
  if (ids.dim() != 2 || ids.size(1) < 1)
    throw std::invalid_argument(c10::str("language model: a step takes (B,T) ids, not ", ids.sizes()));
  if (seen_ + ids.size(1) > capacity_)
    throw std::invalid_argument(
        c10::str("language model: ", seen_ + ids.size(1), " tokens exceed the capacity of ", capacity_));
  if (memory_.empty()) memory_ = model_.memory(ids.size(0));
  std::vector<Tensor> hidden;
  std::int64_t read = 0;
  // Padding is at the beginning: once all rows have begun, the rest is read at once.
  for (; mask_.defined() && read < ids.size(1) && seen_ < mask_.size(1); ++read, ++seen_) {
    const auto begun = mask_.select(1, seen_);
    if (begun.all().item<bool>()) break;
    auto after = memory_;
    hidden.push_back(model_.read(ids.narrow(1, read, 1), after).hidden);
    for (std::size_t i = 0; i < after.size(); ++i) {
      std::vector<std::int64_t> shape(static_cast<std::size_t>(after[i].dim()), 1);
      shape[1] = begun.size(0);
      memory_[i] = at::where(begun.to(after[i].device()).view(shape), after[i], memory_[i]);
    }
  }
  if (read < ids.size(1)) {
    hidden.push_back(model_.read(ids.narrow(1, read, ids.size(1) - read), memory_).hidden);
    seen_ += ids.size(1) - read;
  }
  return hidden.size() == 1 ? hidden.front() : at::cat(hidden);
}

Tensor StreamStepFunction::step(const Tensor& ids) {
  const c10::InferenceMode inference;
  return model_.output_logits(read(ids).select(0, -1)).to(torch::kFloat32);  // (B,V)
}

Tensor StreamStepFunction::all_logits(const Tensor& ids) {
  const c10::InferenceMode inference;
  return model_.output_logits(read(ids).transpose(0, 1)).to(torch::kFloat32);  // (B,T,V)
}

void StreamStepFunction::reorder(const Tensor& rows) {
  const c10::InferenceMode inference;
  for (auto& part : memory_) part = part.index_select(1, rows.to(part.device()));
  if (mask_.defined()) mask_ = mask_.index_select(0, rows.cpu());
}

}  // namespace langzoo
