/// A recurrent encoder-decoder as generation sees it.
#pragma once

#include "models/generation/step.h"
#include "models/layers/source_rows.h"
#include "models/seq2seq/seq2seq.h"

namespace langzoo {

/// Decodes from the states of the last step; sources are encoded once and compared with through keys made once. Rows of
/// one source share its states; only while they do not lie together, as many for each source, each row has a copy.
class Seq2SeqStepFunction : public StepFunction {
 public:
  /// `model` must be in evaluation mode and is shared, not copied. `capacity`: decoder tokens a row may hold.
  /// Shapes: source (B,S) int64 right-padded, source_lengths (B) in [1,S].
  Seq2SeqStepFunction(Seq2Seq model, const torch::Tensor& source, const torch::Tensor& source_lengths,
                      std::int64_t capacity);
  /// A decoder beside another encoder, from where it stands. `output`: the output layer. `reversed`: its sources were
  /// read from their ends.
  Seq2SeqStepFunction(Seq2SeqDecoder decoder, Linear output, DecoderState state, bool reversed, std::int64_t capacity);

  torch::Tensor step(const torch::Tensor& ids) override;
  torch::Tensor all_logits(const torch::Tensor& ids) override;
  void reorder(const torch::Tensor& rows) override;
  std::int64_t capacity() const override { return capacity_; }
  /// Over the source as it was given. Shapes: (B,S).
  torch::Tensor attention() const override;

 private:
  torch::Tensor read(const torch::Tensor& ids);
  void reorder_sources(const torch::Tensor& rows);

  Seq2SeqDecoder decoder_;
  Linear output_;
  bool reversed_;
  std::int64_t capacity_, seen_ = 0;
  DecoderState state_;
  SourceRows source_rows_;
  AttentionMemory sources_;  ///< once each; what `state_` has where rows are grouped
  torch::Tensor attention_;  ///< (B,1,S) in the encoder's order of reading
};

}  // namespace langzoo
