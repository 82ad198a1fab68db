/// The largest singular values of a sparse matrix and their vectors: word vectors by factorising counts.
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "models/ppmi_svd/sparse_matrix.h"

namespace langzoo {

struct TruncatedSvdOptions {
  std::int64_t oversampling = 10;     ///< directions searched beyond `rank`
  std::int64_t power_iterations = 5;  ///< each multiplies by A A^T once more
  std::uint64_t seed = 1;
};

/// A = U diag(s) V^T, the largest `K` alone. Of each pair of vectors, the sign is the one in which the element of U of
/// largest magnitude is positive.
struct TruncatedSvd {
  torch::Tensor u;  ///< (N,K) orthonormal columns
  torch::Tensor s;  ///< (K) descending
  torch::Tensor v;  ///< (M,K) orthonormal columns
};

/// Randomised: the range of A is found from its product with a few random vectors, by power iterations with an
/// orthonormal basis after each product (Halko, Martinsson and Tropp 2011, "Finding structure with randomness",
/// algorithms 4.4 and 5.1; scikit-learn's randomized_svd). The same for a seed whatever the number of threads.
/// Throws std::invalid_argument unless 1 <= rank <= min(N, M) and the options are 0 or more.
/// Shapes: matrix (N,M); K is `rank`.
TruncatedSvd truncated_svd(const SparseMatrix& matrix, std::int64_t rank, const TruncatedSvdOptions& options = {});

/// Word vectors U diag(s)^p; with `add_contexts` the context vectors V diag(s)^p are added. p = 1 are the coordinates
/// in which distances are those of the matrix' rows; 0.5 and 0 do better on similarity (Levy, Goldberg and Dagan 2015,
/// sections 3.3 and 5). Throws std::invalid_argument when contexts are to be added to a matrix that is not square.
/// Shapes: -> (N,K).
torch::Tensor svd_word_vectors(const TruncatedSvd& svd, double eigenvalue_weight = 0.5, bool add_contexts = false);

}  // namespace langzoo
