#include "models/ppmi_svd/sparse_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

[[noreturn]] void fail(const std::string& reason) {
  throw std::invalid_argument("sparse matrix: " + reason);
}

void check_size(std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
  if (rows < 0 || columns < 0 || rows > kLargest || columns > kLargest) {
    fail(c10::str(rows, " x ", columns, " is not between 0 and 2^31 - 1 a side"));
  }
}

void check_row(const SparseMatrix& matrix, std::int64_t row) {
  if (row < 0 || row >= matrix.rows) {
    throw std::out_of_range(c10::str("sparse matrix: row ", row, " of ", matrix.rows));
  }
}

/// Counts of each index turned into where each index' elements begin: counts[i + 1] holds how many index i has.
void accumulate(std::vector<std::int64_t>& counts) {
  std::partial_sum(counts.begin(), counts.end(), counts.begin());
}

/// kWidth vectors of one row of the product: sum_n value_n dense[index_n].
template <int kWidth>
LANGZOO_INLINE void multiply_row(const std::int32_t* indices, const float* values, std::int64_t n, const float* dense,
                                 std::int64_t width, float* y) {
  Lanes sum[kWidth] = {};
  for (std::int64_t i = 0; i < n; ++i) {
    const float* const x = dense + indices[i] * width;
    for (int k = 0; k < kWidth; ++k) {
      Lanes xs;
      load_lanes(xs, x + k * kLanes);
      sum[k] += values[i] * xs;
    }
  }
  std::memcpy(y, sum, sizeof(sum));
}

LANGZOO_VECTOR_CLONES void multiply_rows(const std::int64_t* offsets, const std::int32_t* indices, const float* values,
                                         const float* dense, std::int64_t width, float* y, std::int64_t begin,
                                         std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t first = offsets[row], n = offsets[row + 1] - first;
    const std::int32_t* const index = indices + first;
    const float* const value = values + first;
    float* const out = y + row * width;
    std::int64_t k = 0;
    for (; k + 8 * kLanes <= width; k += 8 * kLanes) multiply_row<8>(index, value, n, dense + k, width, out + k);
    for (; k + 2 * kLanes <= width; k += 2 * kLanes) multiply_row<2>(index, value, n, dense + k, width, out + k);
    for (; k + kLanes <= width; k += kLanes) multiply_row<1>(index, value, n, dense + k, width, out + k);
    for (; k < width; ++k) {
      float sum = 0.0f;
      for (std::int64_t i = 0; i < n; ++i) sum += value[i] * dense[index[i] * width + k];
      out[k] = sum;
    }
  }
}

/// Parts of a matrix that threads take: ranges of rows of about equal numbers of elements.
constexpr std::int64_t kPartElements = 4096;

double squared_norm(const SparseMatrix& matrix, std::int64_t row) {
  double sum = 0.0;
  for (auto i = matrix.offsets[row]; i < matrix.offsets[row + 1]; ++i) {
    sum += static_cast<double>(matrix.values[i]) * matrix.values[i];
  }
  return sum;
}

double cosine_of(double product, double squared_a, double squared_b) {
  return squared_a > 0.0 && squared_b > 0.0 ? product / (std::sqrt(squared_a) * std::sqrt(squared_b)) : 0.0;
}

}  // namespace

SparseMatrix SparseMatrix::from_entries(std::int64_t rows, std::int64_t columns, std::span<const std::int32_t> row,
                                        std::span<const std::int32_t> column, std::span<const float> value) {
  check_size(rows, columns);
  const std::size_t n = value.size();
  if (row.size() != n || column.size() != n) {
    fail(c10::str(row.size(), " rows, ", column.size(), " columns and ", n, " values"));
  }
  SparseMatrix matrix{rows, columns, std::vector<std::int64_t>(rows + 1), {}, {}};
  auto& offsets = matrix.offsets;
  for (std::size_t i = 0; i < n; ++i) {
    if (row[i] < 0 || row[i] >= rows || column[i] < 0 || column[i] >= columns || !std::isfinite(value[i])) {
      fail(c10::str("element ", i, " is ", value[i], " at (", row[i], ", ", column[i], ") of ", rows, " x ", columns));
    }
    ++offsets[row[i] + 1];
  }
  accumulate(offsets);

  struct Element {
    std::int32_t column;
    float value;
  };
  std::vector<Element> elements(n);
  {
    std::vector<std::int64_t> next(offsets.begin(), offsets.end() - 1);
    for (std::size_t i = 0; i < n; ++i) elements[next[row[i]]++] = {column[i], value[i]};
  }
  matrix.indices.reserve(n);
  matrix.values.reserve(n);
  for (std::int64_t r = 0; r < rows; ++r) {
    auto element = elements.begin() + offsets[r];
    const auto end = elements.begin() + offsets[r + 1];
    std::stable_sort(element, end, [](const Element& a, const Element& b) { return a.column < b.column; });
    offsets[r] = matrix.nonzeros();
    while (element != end) {
      const std::int32_t place = element->column;
      double sum = 0.0;
      for (; element != end && element->column == place; ++element) sum += element->value;
      matrix.indices.push_back(place);
      matrix.values.push_back(static_cast<float>(sum));
    }
  }
  offsets[rows] = matrix.nonzeros();
  return matrix;
}

SparseMatrix SparseMatrix::identity(std::int64_t size) {
  check_size(size, size);
  SparseMatrix matrix{size, size, std::vector<std::int64_t>(size + 1), std::vector<std::int32_t>(size),
                      std::vector<float>(size, 1.0f)};
  std::iota(matrix.offsets.begin(), matrix.offsets.end(), 0);
  std::iota(matrix.indices.begin(), matrix.indices.end(), 0);
  return matrix;
}

SparseMatrix SparseMatrix::transposed() const {
  SparseMatrix result{columns, rows, std::vector<std::int64_t>(columns + 1), std::vector<std::int32_t>(values.size()),
                      std::vector<float>(values.size())};
  for (const auto column : indices) ++result.offsets[column + 1];
  accumulate(result.offsets);
  std::vector<std::int64_t> next(result.offsets.begin(), result.offsets.end() - 1);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (auto i = offsets[row]; i < offsets[row + 1]; ++i) {
      const std::int64_t to = next[indices[i]]++;
      result.indices[to] = static_cast<std::int32_t>(row);
      result.values[to] = values[i];
    }
  }
  return result;
}

void SparseMatrix::validate() const {
  check_size(rows, columns);
  if (indices.size() != values.size()) fail(c10::str(indices.size(), " columns and ", values.size(), " values"));
  if (static_cast<std::int64_t>(offsets.size()) != rows + 1 || offsets.front() != 0 || offsets.back() != nonzeros() ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    fail(c10::str("the offsets do not cut ", nonzeros(), " elements into ", rows, " rows"));
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int64_t last = -1;
    for (auto i = offsets[row]; i < offsets[row + 1]; ++i) {
      if (indices[i] <= last || indices[i] >= columns) {
        fail(c10::str("row ", row, ": column ", indices[i], " after ", last, " of ", columns));
      }
      if (!std::isfinite(values[i])) fail(c10::str("row ", row, ", column ", indices[i], ": ", values[i]));
      last = indices[i];
    }
  }
}

torch::Tensor matmul(const SparseMatrix& matrix, const torch::Tensor& dense) {
  if (dense.dim() != 2 || dense.size(0) != matrix.columns || dense.scalar_type() != torch::kFloat32 ||
      !dense.is_cpu()) {
    fail(c10::str("(", matrix.rows, ", ", matrix.columns, ") times ", dense.toString(), " ", dense.sizes()));
  }
  const auto x = dense.detach().contiguous();
  const auto width = x.size(1);
  const auto y = torch::empty({matrix.rows, width});
  const std::int64_t parts = std::max<std::int64_t>(matrix.nonzeros() / kPartElements, 1);
  const auto first_row = [&](std::int64_t part) {
    if (part == parts) return matrix.rows;
    const auto place = std::upper_bound(matrix.offsets.begin(), matrix.offsets.end(), matrix.nonzeros() * part / parts);
    return part == 0 ? 0 : std::min<std::int64_t>(place - matrix.offsets.begin(), matrix.rows);
  };
  parallel_for(parts, 1, [&, values = x.const_data_ptr<float>(), out = y.data_ptr<float>()](auto begin, auto end) {
    multiply_rows(matrix.offsets.data(), matrix.indices.data(), matrix.values.data(), values, width, out,
                  first_row(begin), first_row(end));
  });
  return y;
}

double cosine(const SparseMatrix& matrix, std::int64_t a, std::int64_t b) {
  check_row(matrix, a);
  check_row(matrix, b);
  auto i = matrix.offsets[a], j = matrix.offsets[b];
  const auto end_i = matrix.offsets[a + 1], end_j = matrix.offsets[b + 1];
  double product = 0.0;
  while (i < end_i && j < end_j) {
    const auto column_i = matrix.indices[i], column_j = matrix.indices[j];
    if (column_i == column_j) product += static_cast<double>(matrix.values[i]) * matrix.values[j];
    if (column_i <= column_j) ++i;
    if (column_j <= column_i) ++j;
  }
  return cosine_of(product, squared_norm(matrix, a), squared_norm(matrix, b));
}

torch::Tensor cosines(const SparseMatrix& matrix, std::int64_t row) {
  check_row(matrix, row);
  std::vector<double> dense(matrix.columns);
  for (auto i = matrix.offsets[row]; i < matrix.offsets[row + 1]; ++i) dense[matrix.indices[i]] = matrix.values[i];
  const double squared = squared_norm(matrix, row);
  const auto result = torch::empty({matrix.rows});
  parallel_for(matrix.rows, 256, [&, out = result.data_ptr<float>()](auto begin, auto end) {
    for (auto r = begin; r < end; ++r) {
      double product = 0.0;
      for (auto i = matrix.offsets[r]; i < matrix.offsets[r + 1]; ++i) {
        product += matrix.values[i] * dense[matrix.indices[i]];
      }
      out[r] = static_cast<float>(cosine_of(product, squared, squared_norm(matrix, r)));
    }
  });
  return result;
}

}  // namespace langzoo
