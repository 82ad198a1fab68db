#include "tests/support/test.h"

#include <cmath>

#include "models/layers/segments.h"

namespace langzoo::test::segments_test {

TEST_CASE("sums and softmaxes over groups, empty ones and large numbers too, with their gradients") {
  torch::manual_seed(1);
  const auto groups = torch::tensor({2, 0, 2, 2, 0, 4}, torch::kInt64);
  const auto scores = (torch::randn({6}, torch::kFloat64) * 300).requires_grad_();
  const auto shares = segment_softmax(scores, groups, 5);
  for (const std::int64_t group : {0, 2, 4}) {
    const auto own = (groups == group).nonzero().flatten();
    CHECK(max_difference(shares.index_select(0, own), scores.index_select(0, own).softmax(0)) < 1e-12);
  }
  const auto weights = torch::randn({6}, torch::kFloat64);
  (shares * weights).sum().backward();
  auto expected = torch::zeros({6}, torch::kFloat64);
  for (const std::int64_t group : {0, 2, 4}) {
    const auto own = (groups == group).nonzero().flatten();
    const auto s = shares.detach().index_select(0, own), w = weights.index_select(0, own);
    expected.index_copy_(0, own, s * (w - (s * w).sum()));
  }
  CHECK(max_difference(scores.grad(), expected) < 1e-12);

  const auto rows = torch::randn({6, 3}, torch::kFloat64);
  const auto sums = segment_sum(rows, groups, 5);
  CHECK(max_difference(sums[2], rows[0] + rows[2] + rows[3]) < 1e-12);
  CHECK(sums[1].abs().sum().item<double>() == 0);
  CHECK(segment_softmax(torch::zeros({0}), torch::zeros({0}, torch::kInt64), 3).numel() == 0);
  CHECK(segment_sum(torch::zeros({0, 2}), torch::zeros({0}, torch::kInt64), 3).sizes() == torch::IntArrayRef({3, 2}));
}

}  // namespace langzoo::test::segments_test
