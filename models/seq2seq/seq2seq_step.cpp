#include "models/seq2seq/seq2seq_step.h"

#include <stdexcept>
#include <vector>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

DecoderState started(Seq2Seq& model, const Tensor& source, const Tensor& source_lengths) {
  const c10::InferenceMode inference;
  return model->start(source, source_lengths);
}

}  // namespace

Seq2SeqStepFunction::Seq2SeqStepFunction(Seq2Seq model, const Tensor& source, const Tensor& source_lengths,
                                         std::int64_t capacity)
    : Seq2SeqStepFunction(model->decoder, model->output, started(model, source, source_lengths),
                          model->config().reverse_source, capacity) {}

Seq2SeqStepFunction::Seq2SeqStepFunction(Seq2SeqDecoder decoder, Linear output, DecoderState state, bool reversed,
                                         std::int64_t capacity)
    : decoder_(std::move(decoder)),
      output_(std::move(output)),
      reversed_(reversed),
      capacity_(capacity),
      state_(std::move(state)),
      source_rows_(state_.recurrent.hidden.size(1)) {
  if (capacity < 1) throw std::invalid_argument(c10::str("seq2seq: capacity = ", capacity, " must be positive"));
  if (decoder_->is_training())
    throw std::invalid_argument("seq2seq: generation needs evaluation mode: call eval() first");
  sources_ = state_.source;
}

/// What the output layer reads after each new token. Shapes: (B,T) -> (T,B,R).
Tensor Seq2SeqStepFunction::read(const Tensor& ids) {
  const auto B = state_.recurrent.hidden.size(1);
  if (ids.dim() != 2 || ids.size(0) != B || ids.size(1) < 1)
    throw std::invalid_argument(c10::str("seq2seq: a step takes (B,T) ids for B = ", B, " rows, not ", ids.sizes()));
  if (seen_ + ids.size(1) > capacity_)
    throw std::invalid_argument(
        c10::str("seq2seq: ", seen_ + ids.size(1), " tokens exceed the capacity of ", capacity_));
  seen_ += ids.size(1);
  const auto decoded = decoder_(ids, state_);
  attention_ = decoded.attention.defined() ? decoded.attention.narrow(1, ids.size(1) - 1, 1) : decoded.attention;
  return decoded.readout;
}

Tensor Seq2SeqStepFunction::step(const Tensor& ids) {
  const c10::InferenceMode inference;
  return output_(read(ids).select(0, -1)).to(torch::kFloat32);  // (B,V)
}

Tensor Seq2SeqStepFunction::all_logits(const Tensor& ids) {
  const c10::InferenceMode inference;
  return output_(read(ids).transpose(0, 1)).to(torch::kFloat32);  // (B,T,V)
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

void Seq2SeqStepFunction::reorder_sources(const Tensor& rows) {
  if (!sources_.values.defined()) return;
  const auto take = [&](const Tensor& index) {
    return decoder_->alignment->rows(sources_, index.to(sources_.values.device()));
  };
  const auto kept = source_rows_.reorder(rows);
  if (kept.defined()) sources_ = take(kept);
  state_.source = source_rows_.grouped() ? sources_ : take(source_rows_.index());
}

Tensor Seq2SeqStepFunction::attention() const {
  if (!attention_.defined()) return {};
  const c10::InferenceMode inference;
  const auto sources = state_.source.lengths.size(0);
  const auto lengths = state_.source.lengths.repeat_interleave(attention_.size(0) / sources);
  return langzoo::attention_over_source(attention_, lengths, reversed_).squeeze(1);
}

}  // namespace langzoo
