/// What generation knows of a model: a function from new tokens to next-token logits that remembers what it was given.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// One batch of sequences under way. A family makes one from its model, a prompt mask and a capacity (GPT: a KV cache;
/// an encoder-decoder: what it made of its sources, and decoder caches); sampling and beam search drive it and know no
/// family.
///
/// An encoder-decoder's has read its sources when it is made, whatever they are: decoding sees rows, which begin one a
/// source, and never a source. What is made of a source is held once, however many rows go on from it: the samples or
/// beams of a source stay next to each other, beams also as many for each (models/layers/source_rows.h says which row
/// reads which, models/layers/cross_kv_cache.h is a Transformer's cross-attention so).
class StepFunction {
 public:
  virtual ~StepFunction() = default;

  /// Appends `ids` (B,T) int64 to every row and returns the logits (B,V) after each row's last token, float32.
  /// However a row's tokens are divided into calls, its logits are the same. A left-padded prompt may come in pieces:
  /// the mask that the object was made for covers the first tokens, and all later ones are real.
  virtual torch::Tensor step(const torch::Tensor& ids) = 0;

  /// As step, but of each row's logits the index of the largest alone, (B) int64; -1 where none is above -inf. A family
  /// may know it without all of them.
  virtual torch::Tensor likeliest(const torch::Tensor& ids);

  /// As step, with the logits after every one of the new tokens, for scoring and for checking drafted tokens; those
  /// after padding mean nothing. By default one step a token. Shapes: ids (B,T) int64, T >= 1 -> (B,T,V) float32.
  virtual torch::Tensor all_logits(const torch::Tensor& ids);

  /// Row b continues what row `rows[b]` (B') int64 held, B' of any size: beams reordered, a prompt's row repeated for
  /// several samples, finished rows dropped.
  virtual void reorder(const torch::Tensor& rows) = 0;

  /// Tokens a row can hold, prompt included.
  virtual std::int64_t capacity() const = 0;

  /// The attention over the source after the last token (B,S), rows summing to 1; undefined where a family has none.
  /// What a coverage penalty and an alignment picture are made of.
  virtual torch::Tensor attention() const { return {}; }
};

}  // namespace langzoo
