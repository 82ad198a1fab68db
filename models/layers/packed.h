/// Batches without their padding: rows of unequal length one behind the other, so that nothing is computed for places
/// that hold no token. What works token by token (embeddings, linear layers, norms) takes (1,N,C) as it takes (B,T,C);
/// attend() is told by cu_seqlens where rows end.
///
///     const PackedRows rows(attention_mask);
///     auto x = embed(rows.pack(ids));                                        // (1,N,C)
///     attend(q, k, v, {.cu_seqlens = rows.cu_seqlens});                      // (1,H,N,K)
///     auto hidden = rows.unpack(x);                                          // (B,T,C), zeros at padding
///
/// Letters: B rows, T places of a row with its padding, N tokens of all rows.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

struct PackedRows {
  /// The tokens are where `mask` is not 0, wherever padding stands. Shapes: mask (B,T).
  explicit PackedRows(const torch::Tensor& mask);
  /// Row b has lengths[b] tokens and padding after them. Shapes: lengths (B) int64, each in [0,T].
  PackedRows(const torch::Tensor& lengths, std::int64_t places);

  /// Shapes: x (B,T,...) -> (1,N,...).
  torch::Tensor pack(const torch::Tensor& x) const;
  /// Zeros at padding. Shapes: x (1,N,...) -> (B,T,...).
  torch::Tensor unpack(const torch::Tensor& x) const;

  std::int64_t batch() const { return cu_seqlens.size(0) - 1; }
  std::int64_t tokens() const { return index.size(0); }
  bool padded() const { return tokens() < batch() * places; }

  torch::Tensor cu_seqlens;  ///< (B+1) int64 on the CPU: row b is tokens cu_seqlens[b] to cu_seqlens[b + 1] - 1 of N
  torch::Tensor index;       ///< (N) int64 on the mask's device: each token's place among B T
  std::int64_t places = 0;   ///< T
};

}  // namespace langzoo
