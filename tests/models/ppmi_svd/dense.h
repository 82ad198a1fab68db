// Sparse matrices made dense, and random ones.
#pragma once

#include "models/ppmi_svd/sparse_matrix.h"
#include "tests/support/test.h"

namespace langzoo::test {

/// Shapes: -> (N,M) float64.
inline torch::Tensor dense(const SparseMatrix& matrix) {
  const auto result = torch::zeros({matrix.rows, matrix.columns}, torch::kFloat64);
  auto values = result.accessor<double, 2>();
  for (std::int64_t row = 0; row < matrix.rows; ++row) {
    for (auto i = matrix.offsets[row]; i < matrix.offsets[row + 1]; ++i)
      values[row][matrix.indices[i]] += matrix.values[i];
  }
  return result;
}

/// The elements of a dense matrix that are not 0. Shapes: (N,M) float32.
inline SparseMatrix sparse(const torch::Tensor& matrix) {
  std::vector<std::int32_t> rows, columns;
  std::vector<float> values;
  const auto elements = matrix.accessor<float, 2>();
  for (std::int64_t row = 0; row < matrix.size(0); ++row) {
    for (std::int64_t column = 0; column < matrix.size(1); ++column) {
      if (elements[row][column] == 0.0f) continue;
      rows.push_back(static_cast<std::int32_t>(row));
      columns.push_back(static_cast<std::int32_t>(column));
      values.push_back(elements[row][column]);
    }
  }
  return SparseMatrix::from_entries(matrix.size(0), matrix.size(1), rows, columns, values);
}

/// Normal numbers at a fraction `density` of the places, from torch's default generator.
inline SparseMatrix random_sparse(std::int64_t rows, std::int64_t columns, double density) {
  return sparse(torch::randn({rows, columns}) * (torch::rand({rows, columns}) < density));
}

}  // namespace langzoo::test
