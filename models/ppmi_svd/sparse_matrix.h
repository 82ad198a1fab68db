/// A matrix of which most elements are zero: rows are words, columns their contexts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <torch/types.h>

namespace langzoo {

/// Compressed sparse rows (CSR): the elements of row i are those from offsets[i] to offsets[i + 1], columns ascending.
struct SparseMatrix {
  std::int64_t rows = 0, columns = 0;
  std::vector<std::int64_t> offsets = {0};  ///< rows + 1
  std::vector<std::int32_t> indices;        ///< the column of each element
  std::vector<float> values;

  /// From elements in any order; those that name the same place are added, in float64 and the order given.
  /// Throws std::invalid_argument when the spans differ in length, a place is outside the matrix, or a value is not
  /// finite.
  static SparseMatrix from_entries(std::int64_t rows, std::int64_t columns, std::span<const std::int32_t> row,
                                   std::span<const std::int32_t> column, std::span<const float> value);

  /// Every word a context of its own and nothing else: the one-hot vectors of `size` words.
  static SparseMatrix identity(std::int64_t size);

  std::int64_t nonzeros() const { return static_cast<std::int64_t>(values.size()); }
  SparseMatrix transposed() const;
  /// Throws std::invalid_argument naming what is not as described above.
  void validate() const;
};

/// The product with a dense matrix, by our own kernel on ATen's threads. Each row is summed in the order of its
/// elements: the result does not depend on the number of threads.
/// Shapes: matrix (N,M), dense (M,C) float32 on the CPU -> (N,C).
torch::Tensor matmul(const SparseMatrix& matrix, const torch::Tensor& dense);

/// The cosine of two rows; 0 when one of them is empty. Throws std::out_of_range.
double cosine(const SparseMatrix& matrix, std::int64_t a, std::int64_t b);

/// The cosine of every row with row `row`. Throws std::out_of_range. Shapes: -> (N) float32.
torch::Tensor cosines(const SparseMatrix& matrix, std::int64_t row);

}  // namespace langzoo
