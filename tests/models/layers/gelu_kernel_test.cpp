#include "models/layers/gelu_kernel.h"

#include "tests/support/test.h"

namespace langzoo::test::gelu_kernel_test {

using langzoo::gelu_tanh_cpu;
using langzoo::test::max_difference;

namespace {

torch::Tensor formula(const torch::Tensor& x) {
  return 0.5 * x * (1 + torch::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x.pow(3))));
}

}  // namespace

TEST_CASE("the GELU kernel equals the formula in float64, value and derivative") {
  // More elements than one grain, and a length no vector width divides.
  auto x = torch::linspace(-10, 10, 40007).requires_grad_();
  auto exact = x.detach().to(torch::kFloat64).requires_grad_();
  const auto y = gelu_tanh_cpu(x);
  const auto expected = formula(exact);
  CHECK(max_difference(y.detach(), expected.detach()) < 2e-6);
  const auto upstream = torch::linspace(-1, 1, 40007);
  y.backward(upstream);
  expected.backward(upstream.to(torch::kFloat64));
  CHECK(max_difference(x.grad(), exact.grad()) < 3e-6);
}

TEST_CASE("the GELU kernel takes extremes, strides and empty tensors") {
  const auto inf = std::numeric_limits<float>::infinity();
  const auto large = torch::tensor({0.0f, 100.0f, 1e4f, inf});
  CHECK(torch::equal(gelu_tanh_cpu(large), large));
  CHECK(gelu_tanh_cpu(torch::tensor({-1e30f, -1e4f, -100.0f})).abs().max().item<float>() < 1e-7f);
  CHECK(std::isnan(gelu_tanh_cpu(torch::tensor({std::nanf("")})).item<float>()));
  const auto x = torch::randn({5, 7});
  CHECK(torch::equal(gelu_tanh_cpu(x.t()), gelu_tanh_cpu(x).t()));
  CHECK(gelu_tanh_cpu(torch::empty({0, 3})).sizes() == torch::IntArrayRef({0, 3}));
}

TEST_CASE("the GELU kernel rounds bfloat16 as torch does") {
  auto x = torch::linspace(-6, 6, 5000).to(torch::kBFloat16).requires_grad_();
  const auto y = gelu_tanh_cpu(x);
  CHECK(y.scalar_type() == torch::kBFloat16);
  const auto reference = formula(x.detach().to(torch::kFloat32)).to(torch::kBFloat16);
  // One unit in the last place where the two float32 results straddle a rounding boundary.
  CHECK(((y.detach() - reference).to(torch::kFloat32).abs() > 0.008 * reference.to(torch::kFloat32).abs() + 1e-7)
            .sum()
            .item<int>() == 0);
  y.sum().backward();
  CHECK(x.grad().scalar_type() == torch::kBFloat16);
}

}  // namespace langzoo::test::gelu_kernel_test
