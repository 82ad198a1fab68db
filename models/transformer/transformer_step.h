/// A Transformer as generation sees it.
#pragma once

#include <functional>
#include <vector>

#include "models/generation/step.h"
#include "models/transformer/transformer.h"

namespace langzoo {

/// Decodes with a key-value cache a layer for what is written and one for the sources, which are encoded once; rows of
/// one source share its keys and values. step() computes the last position's logits only.
class TransformerStepFunction : public StepFunction {
 public:
  /// `model` must be in evaluation mode and is shared, not copied. `capacity`: decoder tokens a row may hold. Throws
  /// std::invalid_argument where it exceeds max_position_embeddings.
  /// Shapes: source (B,S) int64 right-padded, source_lengths (B) in [1,S].
  TransformerStepFunction(TransformerMtModel model, const torch::Tensor& source, const torch::Tensor& source_lengths,
                          std::int64_t capacity);
  /// A decoder beside another encoder, which has made its memory. `logits`: what hidden states (...,C) say of the next
  /// token, (...,V).
  TransformerStepFunction(TransformerDecoder decoder, std::function<torch::Tensor(const torch::Tensor&)> logits,
                          std::vector<CrossKvCache> memory, std::int64_t capacity);

  torch::Tensor step(const torch::Tensor& ids) override;
  torch::Tensor all_logits(const torch::Tensor& ids) override;
  void reorder(const torch::Tensor& rows) override;
  std::int64_t capacity() const override { return capacity_; }
  /// TransformerDecoderImpl::alignment of the last token, computed when it is asked for. Shapes: (B,S).
  torch::Tensor attention() const override;

 private:
  torch::Tensor read(const torch::Tensor& ids);

  TransformerDecoder decoder_;
  std::function<torch::Tensor(const torch::Tensor&)> logits_;
  std::int64_t capacity_;
  std::vector<KvCache> caches_;
  std::vector<CrossKvCache> memory_;
  torch::Tensor queries_;  ///< (B,H,1,K) of the alignment layer's last token
};

}  // namespace langzoo
