/// The models of the GPT line as generation sees them.
#pragma once

#include <memory>
#include <vector>

#include "models/generation/step.h"
#include "models/gpt/gpt_stack.h"

namespace langzoo {

/// A language model as decoding needs it.
class GptLm {
 public:
  virtual ~GptLm() = default;
  virtual const char* family_name() const = 0;
  virtual GptModel& stack() = 0;
  /// The output layer (...,C) -> (...,V).
  virtual Linear& head() = 0;
};

/// Decodes with a key-value cache a layer; step() computes the last position's logits only. Rows of different length
/// are padded on the left, hidden by the mask and counted from their first token, so a row's logits do not depend on
/// its neighbours.
class GptStepFunction : public StepFunction {
 public:
  /// `model` must be in evaluation mode and is shared, not copied. `prompt_mask` (B,T), 1 for tokens and 0 for padding,
  /// covers the first ids; undefined: no padding. Throws std::invalid_argument when `capacity` exceeds
  /// n_positions.
  GptStepFunction(std::shared_ptr<GptLm> model, const torch::Tensor& prompt_mask, std::int64_t capacity);

  torch::Tensor step(const torch::Tensor& ids) override;
  torch::Tensor likeliest(const torch::Tensor& ids) override;
  torch::Tensor all_logits(const torch::Tensor& ids) override;
  void reorder(const torch::Tensor& rows) override;
  std::int64_t capacity() const override { return capacity_; }

 private:
  torch::Tensor read(const torch::Tensor& ids);

  std::shared_ptr<GptLm> model_;
  torch::Tensor mask_;  ///< (B,capacity): the prompt's, then ones; undefined without padding
  std::int64_t capacity_;
  std::vector<KvCache> caches_;
};

}  // namespace langzoo
