#include "models/layers/dropout.h"

#include "tests/support/test.h"

#include <cmath>

namespace langzoo::test::dropout_test {

TEST_CASE("dropout keeps elements with their probability, and in expectation their value") {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16, torch::kFloat64})
    for (const double p : {0.1, 0.5, 0.9}) {
      torch::manual_seed(3);
      const auto x = torch::full({301, 333}, 2.0, torch::TensorOptions(dtype));
      const auto y = dropped(x, p, true).to(torch::kFloat64);
      const auto kept = (y != 0).to(torch::kFloat64);
      CHECK(max_difference(y, kept * 2 / (1 - p)) < (dtype == torch::kBFloat16 ? 0.1 : 2e-3));
      const double sigma = std::sqrt(p * (1 - p) / static_cast<double>(y.numel()));
      CHECK(std::abs(kept.mean().item<double>() - (1 - p)) < 4 * sigma);
      const auto flat = kept.flatten();
      for (const std::int64_t apart : {1, 16, 32, 333}) {
        const auto n = flat.numel() - apart;
        const double both = (flat.narrow(0, 0, n) * flat.narrow(0, apart, n)).mean().item<double>();
        CHECK(std::abs(both - (1 - p) * (1 - p)) < 6 * sigma);
      }
      CHECK_FALSE(torch::equal(dropped(x, p, true).to(torch::kFloat64), y));
      torch::manual_seed(3);
      CHECK(torch::equal(dropped(x, p, true).to(torch::kFloat64), y));
    }
}

TEST_CASE("dropout's backward pass drops the same elements, and a residual passes as it is") {
  for (const std::int64_t n : {1, 15, 16, 31, 33, 100}) {
    const auto x = torch::randn({n}, torch::requires_grad()), y = torch::randn({n}, torch::requires_grad());
    torch::manual_seed(4);
    const auto kept = dropped(torch::ones({n}), 0.3, true);
    torch::manual_seed(4);
    const auto sum = add_dropped(x, y, 0.3, true);
    CHECK(max_difference(sum, x + y * kept) < 1e-6);
    const auto weights = torch::randn({n});
    const auto gradients = torch::autograd::grad({(sum * weights).sum()}, {x, y});
    CHECK(torch::equal(gradients[0], weights));
    CHECK(max_difference(gradients[1], weights * kept) < 1e-6);
  }
}

TEST_CASE("dropout does not depend on the number of threads, and outside training does nothing") {
  const auto x = torch::randn({200, 700}), y = torch::randn({200, 700});
  const int threads = at::get_num_threads();
  std::vector<torch::Tensor> results;
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    torch::manual_seed(5);
    results.push_back(add_dropped(x, y.t().contiguous().t(), 0.2, true));
  }
  at::set_num_threads(threads);
  CHECK(torch::equal(results[0], results[1]));
  CHECK(torch::equal(add_dropped(x, y, 0.2, false), x + y));
  CHECK(dropped(x, 0.2, false).is_same(x));
  CHECK(dropped(x, 0.0, true).is_same(x));
  CHECK(torch::equal(dropped(x, 1.0, true), torch::zeros_like(x)));
  CHECK(dropped(torch::empty({0, 3}), 0.5, true).sizes() == torch::IntArrayRef({0, 3}));
}

}  // namespace langzoo::test::dropout_test
