/// A T5 as generation sees it.
#pragma once

#include <vector>

#include "models/generation/step.h"
#include "models/t5/t5.h"

namespace langzoo {

/// Decodes with a key-value cache a layer for what is written and one for the sources, which are encoded once; rows of
/// one source share its keys and values, and all steps the biases of the positions. step() computes the last
/// position's logits only.
class T5StepFunction : public StepFunction {
 public:
  /// `model` must be in evaluation mode and is shared, not copied. `capacity`: decoder tokens a row may hold. Throws
  /// std::invalid_argument. Shapes: source (B,S) int64 right-padded, source_lengths (B) in [1,S].
  T5StepFunction(T5ForConditionalGeneration model, const torch::Tensor& source, const torch::Tensor& source_lengths,
                 std::int64_t capacity);

  torch::Tensor step(const torch::Tensor& ids) override;
  torch::Tensor likeliest(const torch::Tensor& ids) override;
  torch::Tensor all_logits(const torch::Tensor& ids) override;
  void reorder(const torch::Tensor& rows) override;
  std::int64_t capacity() const override { return capacity_; }
  /// T5StackImpl::alignment of the last token, computed when it is asked for. Shapes: (B,S).
  torch::Tensor attention() const override;

 private:
  torch::Tensor read(const torch::Tensor& ids);

  T5ForConditionalGeneration model_;
  std::int64_t capacity_;
  std::vector<KvCache> caches_;
  std::vector<CrossKvCache> memory_;
  torch::Tensor biases_;   ///< of the positions, (H,capacity)
  torch::Tensor queries_;  ///< (B,H,1,K) of the alignment layer's last token
};

}  // namespace langzoo
