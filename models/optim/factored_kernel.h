/// What an optimizer with factored second moments does with a matrix and its gradient, on the CPU and on torch's
/// threads: three passes over the gradient and two over the matrix, without a copy of either.
#pragma once

#include <cstdint>

namespace langzoo {

/// Matrix and gradient (M,N), each contiguous. Sums are made of blocks of rows, so that they do not depend on the
/// number of threads.
struct FactoredMatrix {
  std::int64_t rows, columns;
  const float* grad;
  float* values;

  /// The means of the squared gradient over each row (M) and column (N); returns the root mean square of the values.
  double measure(float* row_means, float* column_means) const;
  /// Of the gradient times row factors (M) and column factors (N).
  double update_rms(const float* row_factors, const float* column_factors) const;
  /// Values become keep * values - rate * gradient * row factors * column factors.
  void apply(const float* row_factors, const float* column_factors, double rate, double keep) const;
};

}  // namespace langzoo
