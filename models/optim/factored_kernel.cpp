#include "models/optim/factored_kernel.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"

namespace langzoo {

namespace {

constexpr std::int64_t kBlockRows = 64;
constexpr std::int64_t kGrain = 32768;  ///< elements that are worth a thread
constexpr int kLanes = 16;

LANGZOO_INLINE float sum_of(const float* lanes) {
  float sum = 0;
  for (int l = 0; l < kLanes; ++l) sum += lanes[l];
  return sum;
}

/// Adds to `column_sums`, and writes `row_sums`. Returns the sum of the squared values.
LANGZOO_VECTOR_CLONES double square_sums(const float* grad, const float* values, std::int64_t rows,
                                         std::int64_t columns, float* row_sums, float* column_sums) {
  double of_values = 0;
  for (std::int64_t i = 0; i < rows; ++i, grad += columns, values += columns) {
    float lanes[kLanes] = {}, value_lanes[kLanes] = {};
    std::int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes) {
      for (int l = 0; l < kLanes; ++l) {
        const float square = grad[j + l] * grad[j + l];
        column_sums[j + l] += square;
        lanes[l] += square;
        value_lanes[l] += values[j + l] * values[j + l];
      }
    }
    for (int l = 0; j < columns; ++j, ++l) {
      const float square = grad[j] * grad[j];
      column_sums[j] += square;
      lanes[l] += square;
      value_lanes[l] += values[j] * values[j];
    }
    row_sums[i] = sum_of(lanes);
    of_values += static_cast<double>(sum_of(value_lanes));
  }
  return of_values;
}

LANGZOO_VECTOR_CLONES double update_square_sum(const float* grad, std::int64_t rows, std::int64_t columns,
                                               const float* row_factors, const float* column_factors) {
  double sum = 0;
  for (std::int64_t i = 0; i < rows; ++i, grad += columns) {
    float lanes[kLanes] = {};
    std::int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes) {
      for (int l = 0; l < kLanes; ++l) {
        const float update = grad[j + l] * column_factors[j + l] * row_factors[i];
        lanes[l] += update * update;
      }
    }
    for (int l = 0; j < columns; ++j, ++l) {
      const float update = grad[j] * column_factors[j] * row_factors[i];
      lanes[l] += update * update;
    }
    sum += static_cast<double>(sum_of(lanes));
  }
  return sum;
}

LANGZOO_VECTOR_CLONES void subtract_update(const float* grad, float* values, std::int64_t rows, std::int64_t columns,
                                           const float* row_factors, const float* column_factors, float rate,
                                           float keep) {
  for (std::int64_t i = 0; i < rows; ++i, grad += columns, values += columns) {
    const float factor = rate * row_factors[i];
    for (std::int64_t j = 0; j < columns; ++j) {
      values[j] = keep * values[j] - grad[j] * column_factors[j] * factor;
    }
  }
}

/// Calls body(block, first row, rows) for all blocks of rows.
template <class Body>
void for_each_block(std::int64_t rows, std::int64_t columns, const Body& body) {
  const auto blocks = (rows + kBlockRows - 1) / kBlockRows;
  const auto grain = std::max<std::int64_t>(1, kGrain / (kBlockRows * std::max<std::int64_t>(1, columns)));
  parallel_for(blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto block = begin; block < end; ++block) {
      const auto first = block * kBlockRows;
      body(static_cast<std::size_t>(block), first, std::min(kBlockRows, rows - first));
    }
  });
}

std::size_t block_count(std::int64_t rows) {
  return static_cast<std::size_t>((rows + kBlockRows - 1) / kBlockRows);
}

double total(const std::vector<double>& parts) {
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

}  // namespace

double FactoredMatrix::measure(float* row_means, float* column_means) const {
  const auto width = static_cast<std::size_t>(columns);
  std::vector<float> column_sums(block_count(rows) * width);
  std::vector<double> value_sums(block_count(rows));
  for_each_block(rows, columns, [&](std::size_t block, std::int64_t first, std::int64_t count) {
    value_sums[block] = square_sums(grad + first * columns, values + first * columns, count, columns, row_means + first,
                                    column_sums.data() + block * width);
    for (auto i = first; i < first + count; ++i) row_means[i] /= static_cast<float>(columns);
  });
  for (std::size_t j = 0; j < width; ++j) {
    double sum = 0;
    for (std::size_t block = 0; block < value_sums.size(); ++block)
      sum += static_cast<double>(column_sums[block * width + j]);
    column_means[j] = static_cast<float>(sum / static_cast<double>(rows));
  }
  return std::sqrt(total(value_sums) / static_cast<double>(rows * columns));
}

double FactoredMatrix::update_rms(const float* row_factors, const float* column_factors) const {
  std::vector<double> sums(block_count(rows));
  for_each_block(rows, columns, [&](std::size_t block, std::int64_t first, std::int64_t count) {
    sums[block] = update_square_sum(grad + first * columns, count, columns, row_factors + first, column_factors);
  });
  return std::sqrt(total(sums) / static_cast<double>(rows * columns));
}

void FactoredMatrix::apply(const float* row_factors, const float* column_factors, double rate, double keep) const {
  for_each_block(rows, columns, [&](std::size_t /*block*/, std::int64_t first, std::int64_t count) {
    subtract_update(grad + first * columns, values + first * columns, count, columns, row_factors + first,
                    column_factors, static_cast<float>(rate), static_cast<float>(keep));
  });
}

}  // namespace langzoo
