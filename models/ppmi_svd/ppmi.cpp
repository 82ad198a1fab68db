#include "models/ppmi_svd/ppmi.h"

#include <cmath>
#include <numeric>
#include <stdexcept>

#include <c10/util/StringUtil.h>

namespace langzoo {

SparseMatrix ppmi(const SparseMatrix& counts, const PpmiOptions& options) {
  const auto [smoothing, shift] = options;
  if (!(smoothing > 0.0 && smoothing <= 1.0)) {
    throw std::invalid_argument(c10::str("ppmi: context_smoothing = ", smoothing, " must be in (0, 1]"));
  }
  if (!(shift > 0.0 && std::isfinite(shift))) {
    throw std::invalid_argument(c10::str("ppmi: shift = ", shift, " must be positive"));
  }
  counts.validate();
  std::vector<double> row_sums(counts.rows), context(counts.columns);
  for (std::int64_t row = 0; row < counts.rows; ++row) {
    for (auto i = counts.offsets[row]; i < counts.offsets[row + 1]; ++i) {
      const auto column = counts.indices[i];
      const double count = counts.values[i];
      if (count < 0.0) throw std::invalid_argument(c10::str("ppmi: the count of (", row, ", ", column, ") is ", count));
      row_sums[row] += count;
      context[column] += count;
    }
  }
  if (smoothing != 1.0) {
    for (double& sum : context) sum = std::pow(sum, smoothing);
  }
  const double total = std::accumulate(context.begin(), context.end(), 0.0);

  // P(i,j) / P(i) is C_ij over the row's sum: the number of all pairs cancels.
  SparseMatrix result{counts.rows, counts.columns, {0}, {}, {}};
  result.offsets.reserve(counts.rows + 1);
  for (std::int64_t row = 0; row < counts.rows; ++row) {
    for (auto i = counts.offsets[row]; i < counts.offsets[row + 1]; ++i) {
      const auto column = counts.indices[i];
      if (counts.values[i] == 0.0f) continue;
      const auto value =
          static_cast<float>(std::log2(counts.values[i] * total / (row_sums[row] * context[column] * shift)));
      if (value <= 0.0f) continue;
      result.indices.push_back(column);
      result.values.push_back(value);
    }
    result.offsets.push_back(result.nonzeros());
  }
  return result;
}

SparseMatrix log_counts(const SparseMatrix& counts) {
  counts.validate();
  auto result = counts;
  for (auto& value : result.values) {
    if (value < 0.0f) throw std::invalid_argument(c10::str("log_counts: a count is ", value));
    value = std::log1p(value);
  }
  return result;
}

}  // namespace langzoo
