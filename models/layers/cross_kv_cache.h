/// Keys and values of what a decoder's cross-attention reads, made once and never added to.
#pragma once

#include <torch/types.h>

#include "models/layers/attention.h"
#include "models/layers/source_rows.h"

namespace langzoo {

/// One cross-attention layer's fixed cache, beside the growing one of self-attention (kv_cache.h). Rows that go on from
/// one source share its keys and values: where they lie together, as many for each source (beams), their queries are
/// attended as one source's, and nothing is copied; in any other order each row has a copy until the next reorder.
///
/// Letters: R rows, at first one a source, N sources, H heads, T queries of a row, S source length, K head width.
class CrossKvCache {
 public:
  /// `bias` is that of the padding, additive (masks.h), broadcastable to (N,H,1,S); undefined: none. Throws
  /// std::invalid_argument naming the sizes that do not fit. Shapes: keys, values (N,H,S,K).
  CrossKvCache(torch::Tensor keys, torch::Tensor values, torch::Tensor bias = {});

  /// Row i goes on as row `rows[i]` did. A decoder of several layers hands each the same `rows` on the CPU, to which
  /// they are copied otherwise. Throws std::out_of_range for a row that there is not. Shapes: rows (R) int64.
  void reorder(const torch::Tensor& rows);

  /// What attend(q, keys, values) gives each row over its source. The bias is the cache's: `options` have none, and
  /// attend to all of a source. Throws std::invalid_argument for queries that do not fit. Shapes: q (R,H,T,K) -> output
  /// (R,H,T,K), weights (R,H,T,S) where they are wanted.
  Attended attend(const torch::Tensor& q, const AttendOptions& options = {}) const;

  std::int64_t rows() const { return rows_.rows(); }
  /// Of the sources that are still read, once each: (N,H,S,K).
  const torch::Tensor& keys() const { return sources_.keys; }
  const torch::Tensor& values() const { return sources_.values; }

 private:
  struct Memory {
    torch::Tensor keys, values, bias;
    Memory select(const torch::Tensor& index) const;
  };

  Memory sources_;
  Memory by_row_;  ///< a copy a row, while they are not grouped
  SourceRows rows_;
};

}  // namespace langzoo
