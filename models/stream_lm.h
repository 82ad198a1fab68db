/// What a language model that reads text as one endless stream has beside others: a memory of all that it has read, so
/// that no part of the text has to be read twice. Names no family.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "models/causal_lm.h"

namespace langzoo {

/// What rows of text have left behind: (M,B,...) tensors, whatever a family keeps in them.
using StreamMemory = std::vector<torch::Tensor>;

/// What the output layer reads after each token.
struct StreamStates {
  torch::Tensor hidden;     ///< (T,B,C)
  torch::Tensor undropped;  ///< (T,B,C) the same before the last dropout
};

class StreamLm : public CausalLm {
 public:
  /// Of `rows` rows before their first token.
  virtual StreamMemory memory(std::int64_t rows) const = 0;
  /// Reads on and leaves `memory` behind the last token, with its graph. However a text is divided into calls, the
  /// states are the same. Shapes: ids (B,T) int64.
  virtual StreamStates read(const torch::Tensor& ids, StreamMemory& memory) = 0;
  /// The output layer. Shapes: hidden (...,C) -> (...,V).
  virtual torch::Tensor output_logits(const torch::Tensor& hidden) = 0;
  /// Cross-entropy summed over the targets that are not -100. Shapes: hidden (N,C), targets (N) int64 -> scalar.
  virtual torch::Tensor output_loss(const torch::Tensor& hidden, const torch::Tensor& targets) = 0;
  /// ln p of each target given all that was read up to its place; reads on. Shapes: ids, targets (B,T) -> (B,T)
  /// float32.
  virtual torch::Tensor log_probabilities(const torch::Tensor& ids, const torch::Tensor& targets, StreamMemory& memory);

  std::int64_t n_positions() const override { return 0; }
  /// The end token, which is before every sentence.
  std::optional<std::int32_t> prompt_start() const override;
  torch::Tensor logits(const torch::Tensor& ids) override;
  torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) override;
  std::unique_ptr<StepFunction> start(const torch::Tensor& mask, std::int64_t capacity) override;
};

/// ln softmax(logits) at the targets. Shapes: logits (N,V), targets (N) int64 -> (N) float32.
torch::Tensor target_log_probabilities(const torch::Tensor& logits, const torch::Tensor& targets);

/// The same of what an output layer makes of states, so many rows at a time that the logits stay small.
/// Shapes: states (N,C), targets (N) int64, output (n,C) -> (n,V) -> (N) float32.
torch::Tensor target_log_probabilities(const torch::Tensor& states, const torch::Tensor& targets,
                                       const std::function<torch::Tensor(const torch::Tensor&)>& output);

/// Decodes from the memory of the last step. Rows of different length are padded on the left: their memory is what it
/// was until their first token.
class StreamStepFunction : public StepFunction {
 public:
  /// `model` must be in evaluation mode and is shared, not copied; `owner` keeps it. `mask` (B,T) covers the first ids;
  /// undefined: no padding. `capacity`: tokens a row may hold.
  StreamStepFunction(std::shared_ptr<torch::nn::Module> owner, StreamLm& model, const torch::Tensor& mask,
                     std::int64_t capacity);

  torch::Tensor step(const torch::Tensor& ids) override;
  torch::Tensor all_logits(const torch::Tensor& ids) override;
  void reorder(const torch::Tensor& rows) override;
  std::int64_t capacity() const override { return capacity_; }

 private:
  torch::Tensor read(const torch::Tensor& ids);

  std::shared_ptr<torch::nn::Module> owner_;
  StreamLm& model_;
  torch::Tensor mask_;  ///< (B,T) of the padded prompt; undefined without padding
  std::int64_t capacity_, seen_ = 0;
  StreamMemory memory_;  ///< empty before the first token
};

}  // namespace langzoo
