/// What generation knows of a model: a function from new tokens to next-token logits that remembers what it was given.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// One batch of sequences under way. A family makes one from its model, a prompt mask and a capacity (GPT: a KV cache;
/// an encoder-decoder: encoder states and decoder caches); sampling and beam search drive it and know no family.
class StepFunction {
 public:
  virtual ~StepFunction() = default;

  /// Appends `ids` (B,T) int64 to every row and returns the logits (B,V) after each row's last token, float32.
  /// The first call takes the whole left-padded prompt, later calls T = 1.
  virtual torch::Tensor step(const torch::Tensor& ids) = 0;

  /// Row b continues what row `rows[b]` (B') int64 held, B' of any size: beams reordered, a prompt's row repeated for
  /// several samples, finished rows dropped.
  virtual void reorder(const torch::Tensor& rows) = 0;

  /// Tokens a row can hold, prompt included.
  virtual std::int64_t capacity() const = 0;

  /// The attention over the source of the last step (B,S), rows summing to 1; undefined where a family has none. What a
  /// coverage penalty and an alignment picture are made of.
  virtual torch::Tensor attention() const { return {}; }
};

}  // namespace langzoo
