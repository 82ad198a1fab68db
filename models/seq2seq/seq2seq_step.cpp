#include "models/seq2seq/seq2seq_step.h"

#include <stdexcept>
#include <vector>

#include <c10/util/StringUtil.h>
#include <torch/torch.h>

namespace langzoo {

using torch::Tensor;

Seq2SeqStepFunction::Seq2SeqStepFunction(Seq2Seq model, const Tensor& source, const Tensor& source_lengths,
                                         std::int64_t capacity)
    : model_(std::move(model)), capacity_(capacity) {
  if (capacity < 1) throw std::invalid_argument(c10::str("seq2seq: capacity = ", capacity, " must be positive"));
  if (model_->is_training())
    throw std::invalid_argument("seq2seq: generation needs evaluation mode: call eval() first");
  const c10::InferenceMode inference;
  state_ = model_->start(source, source_lengths);
}

Tensor Seq2SeqStepFunction::step(const Tensor& ids) {
  const c10::InferenceMode inference;
  const auto B = state_.recurrent.hidden.size(1);
  if (ids.dim() != 2 || ids.size(0) != B || ids.size(1) < 1)
    throw std::invalid_argument(c10::str("seq2seq: a step takes (B,T) ids for B = ", B, " rows, not ", ids.sizes()));
  if (seen_ + ids.size(1) > capacity_)
    throw std::invalid_argument(
        c10::str("seq2seq: ", seen_ + ids.size(1), " tokens exceed the capacity of ", capacity_));
  seen_ += ids.size(1);
  const auto decoded = model_->decoder(ids, state_);
  attention_ = decoded.attention.defined() ? decoded.attention.narrow(1, ids.size(1) - 1, 1) : decoded.attention;
  return model_->logits(decoded.readout.select(0, -1)).to(torch::kFloat32);  // (B,V)
}

void Seq2SeqStepFunction::reorder(const Tensor& rows) {
  const c10::InferenceMode inference;
  const auto take = [&](Tensor& of, std::int64_t dim) {
    if (of.defined()) of = of.index_select(dim, rows);
  };
  reorder_sources(rows);
  take(state_.recurrent.hidden, 1);
  take(state_.recurrent.cell, 1);
  take(state_.attentional, 0);
  take(state_.summary, 0);
  take(attention_, 0);
}

/// Beams change places within their source, which then stays as it is; where rows are dropped or added unevenly, each
/// gets its own.
void Seq2SeqStepFunction::reorder_sources(const Tensor& rows) {
  if (!state_.source.values.defined()) return;
  const auto N = state_.source.values.size(0), K = state_.recurrent.hidden.size(1) / N;
  const auto wanted = rows.to(torch::kCPU).floor_divide(K);  // each row's source
  const auto [runs, inverse, counts] = at::unique_consecutive(wanted, /*return_inverse=*/false, /*return_counts=*/true);
  const bool even = counts.numel() > 0 && counts.eq(counts[0]).all().item<bool>();
  const auto sources = even ? runs : wanted;
  if (sources.numel() == N && sources.equal(at::arange(N))) return;
  state_.source = model_->decoder->alignment->rows(state_.source, sources.to(rows.device()));
}

Tensor Seq2SeqStepFunction::attention() const {
  if (!attention_.defined()) return {};
  const c10::InferenceMode inference;
  const auto sources = state_.source.lengths.size(0);
  const auto lengths = state_.source.lengths.repeat_interleave(attention_.size(0) / sources);
  return model_->attention_over_source(attention_, lengths).squeeze(1);
}

}  // namespace langzoo
