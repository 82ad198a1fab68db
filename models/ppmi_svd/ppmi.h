/// Positive pointwise mutual information: how much more often two words meet than chance would have it.
///
/// Papers: Church and Hanks, "Word Association Norms, Mutual Information, and Lexicography", 1990; Levy, Goldberg and
/// Dagan, "Improving Distributional Similarity with Lessons Learned from Word Embeddings", 2015 (smoothing and shift).
#pragma once

#include "models/ppmi_svd/sparse_matrix.h"

namespace langzoo {

struct PpmiOptions {
  /// The power that context counts are raised to before they become probabilities, in (0, 1]; 1 leaves them alone.
  /// Below 1, rare contexts weigh less (Levy et al., equation 3).
  double context_smoothing = 0.75;
  /// k of "shifted" PPMI: log2 k is taken off, which corresponds to k negative samples (Levy et al., section 3.2).
  double shift = 1.0;
};

/// max(0, log2(P(i,j) / (P(i) P(j))) - log2 k) for every count; what is 0 is left out. In float64, rounded once.
/// Throws std::invalid_argument for a count below 0 or options out of range.
/// Shapes: counts (N,M) -> (N,M).
SparseMatrix ppmi(const SparseMatrix& counts, const PpmiOptions& options = {});

/// ln(1 + count), what stands in place of association where only how often words meet is asked. Throws
/// std::invalid_argument for a count below 0. Shapes: counts (N,M) -> (N,M).
SparseMatrix log_counts(const SparseMatrix& counts);

}  // namespace langzoo
