#include "tests/support/test.h"

#include <cmath>

#include "models/losses/span.h"

namespace langzoo::test::span_test {
namespace {

/// -log softmax(logits)[place] over the places that `mask` keeps.
double nats(const torch::Tensor& logits, std::int64_t place, const torch::Tensor& mask) {
  double z = 0;
  for (int t = 0; t < logits.size(0); ++t)
    if (mask[t].item<int>() != 0) z += std::exp(logits[t].item<double>());
  return std::log(z) - logits[place].item<double>();
}

}  // namespace

TEST_CASE("the loss of a span is the mean of its ends', over the rows that have them") {
  torch::manual_seed(3);
  const auto start = torch::randn({3, 5}, torch::kFloat64), end = torch::randn({3, 5}, torch::kFloat64);
  const auto all = torch::ones({3, 5}, torch::kInt64);
  const auto some = torch::tensor({{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}, {0, 0, 0, 0, 0}});
  const auto starts = torch::tensor({2, -7, 9}), ends = torch::tensor({4, 5, 9});
  for (const auto& mask : {all, some}) {
    const double first = (nats(start[0], 2, mask[0]) + nats(start[1], 0, mask[1])) / 2;  // the third lies beyond
    const double last = nats(end[0], 4, mask[0]);
    CHECK(span_loss(start, end, starts, ends, mask).item<double>() == Approx((first + last) / 2));
  }
  CHECK(span_loss(start, end, starts, ends).item<double>() ==
        Approx(span_loss(start, end, starts, ends, all).item<double>()));

  const auto beyond = torch::tensor({5, 5, 5});
  auto x = start.clone().requires_grad_();
  auto loss = span_loss(x, end, beyond, beyond, some);
  CHECK(loss.item<double>() == 0);
  loss.backward();
  CHECK(x.grad().abs().sum().item<double>() == 0);  // neither is it NaN, though a row is all padding
}

}  // namespace langzoo::test::span_test
