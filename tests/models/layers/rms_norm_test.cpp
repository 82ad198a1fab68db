#include "models/layers/rms_norm.h"

#include "tests/support/test.h"

#include <cmath>

namespace langzoo::test::rms_norm_test {
namespace {

using torch::Tensor;

struct Result {
  Tensor y, dx, d_weight;
};

Result run(const Tensor& x0, const Tensor& weight0, torch::Dtype dtype) {
  const auto leaf = [&](const Tensor& t) { return t.detach().to(dtype).requires_grad_(); };
  const auto x = leaf(x0), weight = leaf(weight0);
  const auto y = rms_norm(x, weight, 1e-6);
  const auto factors = torch::arange(y.numel()).remainder(5).sub(2).view_as(y).to(dtype);
  (y * factors).sum().backward();
  return {y, x.grad(), weight.grad()};
}

}  // namespace

TEST_CASE("RMS norm is its equation") {
  torch::manual_seed(1);
  const auto x = torch::randn({3, 2, 7}), weight = torch::randn({7});
  const auto y = rms_norm(x, weight, 1e-3);
  for (int b = 0; b < 3; ++b) {
    for (int t = 0; t < 2; ++t) {
      double squares = 0;
      for (int c = 0; c < 7; ++c) squares += std::pow(x[b][t][c].item<double>(), 2);
      for (int c = 0; c < 7; ++c) {
        const double expected = x[b][t][c].item<double>() / std::sqrt(squares / 7 + 1e-3) * weight[c].item<double>();
        CHECK(y[b][t][c].item<double>() == Approx(expected).margin(1e-6));
      }
    }
  }
}

TEST_CASE("RMS norm's kernel has the values and gradients of the formula in float64") {
  torch::manual_seed(2);
  for (const auto& [rows, width] : std::vector<std::pair<int, int>>{{1, 1}, {5, 3}, {130, 16}, {67, 41}, {200, 129}}) {
    INFO(rows << " x " << width);
    const auto x = torch::randn({rows, width}) * 3, weight = torch::randn({width});
    const auto exact = run(x, weight, torch::kFloat64), ours = run(x, weight, torch::kFloat32);
    CHECK(max_difference(ours.y, exact.y) < 1e-5);
    CHECK(max_difference(ours.dx, exact.dx) < 1e-5);
    CHECK(max_difference(ours.d_weight, exact.d_weight) < 1e-5 * (1 + exact.d_weight.abs().max().item<double>()));
    const auto half = run(x, weight, torch::kBFloat16);
    CHECK(half.y.scalar_type() == torch::kBFloat16);
    CHECK(max_difference(half.y, exact.y) < 0.02 * (1 + exact.y.abs().max().item<double>()));
    const torch::NoGradGuard no_grad;
    CHECK(torch::equal(rms_norm(x, weight, 1e-6), ours.y));
  }
}

TEST_CASE("RMS norm's gradients do not depend on the number of threads, nor its input on how it lies") {
  torch::manual_seed(3);
  const auto x = torch::randn({300, 24}), weight = torch::randn({24});
  const auto threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = run(x, weight, torch::kFloat32);
  at::set_num_threads(threads);
  const auto more = run(x, weight, torch::kFloat32);
  CHECK(torch::equal(one.dx, more.dx));
  CHECK(torch::equal(one.d_weight, more.d_weight));
  CHECK(torch::equal(rms_norm(x.t().contiguous().t(), weight, 1e-6), one.y));
}

TEST_CASE("RMS norm of what it does not fit is refused") {
  CHECK_THROWS_WITH(rms_norm(torch::zeros({2, 3}), torch::ones({4}), 1e-6), Catch::Contains("[4]"));
  const RmsNorm norm(5, 1e-6);
  CHECK(norm->named_parameters().keys() == std::vector<std::string>{"weight"});
  CHECK(norm->weight.eq(1).all().item<bool>());
  CHECK(rms_norm(torch::zeros({0, 4}), torch::ones({4}), 1e-6).sizes() == torch::IntArrayRef({0, 4}));
}

}  // namespace langzoo::test::rms_norm_test
