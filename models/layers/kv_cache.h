/// Keys and values of the tokens seen so far, kept for decoding. What cross-attention reads has a fixed cache,
/// cross_kv_cache.h.
#pragma once

#include <utility>

#include <torch/types.h>

namespace langzoo {

/// One attention layer's cache: two buffers (B,H,capacity,K), allocated once by the first append and filled from the
/// left. Views of them are handed out; nothing is copied or allocated per token.
class KvCache {
 public:
  explicit KvCache(std::int64_t capacity) : capacity_(capacity) {}

  /// Stores the T newest tokens and returns the keys and values of all S stored, each (B,H,S,K). The first call decides
  /// batch, heads, width, dtype and device. Throws std::invalid_argument when the capacity is exceeded, and where
  /// sizes or dtypes are not those held. Not for training: no gradient passes through. Shapes: keys, values (B,H,T,K).
  std::pair<torch::Tensor, torch::Tensor> append(const torch::Tensor& keys, const torch::Tensor& values);

  /// Row b continues what row `rows[b]` held; the batch may grow or shrink. On the CPU rows that stay where they are
  /// (rows[b] = b) are not copied, unless the batch grows. Views handed out before are no longer valid. Shapes: rows
  /// (B') int64.
  void reorder(const torch::Tensor& rows);

  std::int64_t length() const { return length_; }
  std::int64_t capacity() const { return capacity_; }

 private:
  void check(const torch::Tensor& keys, const torch::Tensor& values) const;

  std::int64_t capacity_, length_ = 0;
  torch::Tensor keys_, values_;
};

}  // namespace langzoo
