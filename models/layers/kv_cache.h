/// Keys and values of the tokens seen so far, kept for decoding. What cross-attention reads has a fixed cache,
/// cross_kv_cache.h.
#pragma once

#include <utility>

#include <torch/types.h>

namespace langzoo {

/// One attention layer's cache: two buffers (B,H,places,K), allocated once by the first append and filled from the
/// left. Views of them are handed out; nothing is copied or allocated per token.
///
/// That of a layer whose queries see no more than the last `window` tokens has 2 `window` places at most, however long
/// the rows: when they are full, what can still be seen moves to the front. A step then costs what the window costs.
class KvCache {
 public:
  /// `window` 0: everything stored stays.
  explicit KvCache(std::int64_t capacity, std::int64_t window = 0);

  /// Stores the T newest tokens and returns the keys and values of the S last stored, each (B,H,S,K): of all, or with a
  /// window at most of those that one of the T may see, window - 1 + T. The first call decides batch, heads, width,
  /// dtype and device. Throws std::invalid_argument when the capacity is exceeded, and where sizes or dtypes are not
  /// those held. Not for training: no gradient passes through. Shapes: keys, values (B,H,T,K).
  std::pair<torch::Tensor, torch::Tensor> append(const torch::Tensor& keys, const torch::Tensor& values);

  /// Row b continues what row `rows[b]` held; the batch may grow or shrink. On the CPU rows that stay where they are
  /// (rows[b] = b) are not copied, unless the batch grows. Views handed out before are no longer valid. Shapes: rows
  /// (B') int64.
  void reorder(const torch::Tensor& rows);

  std::int64_t length() const { return length_; }  ///< of all tokens so far, those no longer held too
  std::int64_t capacity() const { return capacity_; }

 private:
  void check(const torch::Tensor& keys, const torch::Tensor& values) const;
  /// Moves what can still be seen to the front where T more tokens do not fit behind it; false where they do not fit
  /// then either.
  bool make_room(std::int64_t tokens);

  std::int64_t capacity_, window_, places_;
  std::int64_t length_ = 0, held_ = 0;  ///< tokens so far, and how many of them, the last, are in the buffers
  torch::Tensor keys_, values_;
};

}  // namespace langzoo
