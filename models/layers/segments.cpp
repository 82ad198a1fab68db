#include "models/layers/segments.h"

#include <limits>

#include "third_party/torch.h"

namespace langzoo {

torch::Tensor segment_sum(const torch::Tensor& rows, const torch::Tensor& groups, std::int64_t count) {
  auto shape = rows.sizes().vec();
  shape.at(0) = count;
  return at::zeros(shape, rows.options()).index_add(0, groups, rows);
}

torch::Tensor segment_softmax(const torch::Tensor& scores, const torch::Tensor& groups, std::int64_t count) {
  // The largest of each group only keeps exp in range: nothing depends on it.
  const auto largest = at::full({count}, -std::numeric_limits<double>::infinity(), scores.options())
                           .scatter_reduce(0, groups, scores.detach(), "amax");
  const auto e = (scores - largest.index_select(0, groups)).exp();
  return e / segment_sum(e, groups, count).index_select(0, groups);
}

}  // namespace langzoo
