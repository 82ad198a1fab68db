#include "tests/support/test.h"

#include <cmath>

#include <ATen/autocast_mode.h>

#include "models/losses/r_drop.h"

namespace langzoo::test::r_drop_test {

namespace {

struct Case {
  torch::Tensor a, b, weight, bias;
  std::vector<torch::Tensor> inputs() const { return {a, b, weight, bias}; }
};

Case random_case(torch::ScalarType dtype, std::int64_t rows = 7, std::int64_t vocabulary = 11) {
  torch::manual_seed(3);
  const auto random = [&](at::IntArrayRef shape) { return torch::randn(shape, dtype).requires_grad_(); };
  return {random({rows, 5}), random({rows, 5}), random({vocabulary, 5}), random({vocabulary})};
}

/// Of one row each, from the definition.
double kl(const std::vector<double>& p, const std::vector<double>& q) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += p[i] * std::log(p[i] / q[i]);
  return sum;
}
std::vector<double> softmax(const torch::Tensor& row) {
  std::vector<double> p;
  double sum = 0;
  for (std::int64_t i = 0; i < row.size(0); ++i) sum += p.emplace_back(std::exp(row[i].item<double>()));
  for (double& x : p) x /= sum;
  return p;
}

}  // namespace

TEST_CASE("the symmetric divergence is the definition's, row by row") {
  const auto c = random_case(torch::kFloat64);
  const auto a = c.a.matmul(c.weight.t()) + c.bias, b = c.b.matmul(c.weight.t()) + c.bias;
  double expected = 0;
  for (std::int64_t row = 0; row < a.size(0); ++row) {
    const auto p = softmax(a[row]), q = softmax(b[row]);
    expected += (kl(p, q) + kl(q, p)) / 2;
  }
  CHECK(symmetric_kl(a, b).item<double>() == Approx(expected).epsilon(1e-12));
  CHECK(symmetric_kl(b, a).item<double>() == Approx(expected).epsilon(1e-12));
  CHECK(symmetric_kl(a, a).item<double>() == 0.0);
  CHECK(symmetric_kl(a, a + 3).item<double>() == Approx(0).margin(1e-12));  // logits are known up to a constant
  CHECK_THROWS_AS(symmetric_kl(a, b.narrow(0, 0, 2)), std::invalid_argument);
}

TEST_CASE("the chunked divergence equals the plain one, value and gradients") {
  const auto c = random_case(torch::kFloat64);
  const auto chunk_rows = GENERATE(0, 3, 1);
  const auto plain = symmetric_kl(c.a.matmul(c.weight.t()) + c.bias, c.b.matmul(c.weight.t()) + c.bias);
  const auto chunked = linear_symmetric_kl(c.a, c.b, c.weight, c.bias, chunk_rows);
  CHECK(chunked.item<double>() == Approx(plain.item<double>()).epsilon(1e-12));
  const auto expected = torch::autograd::grad({3 * plain}, c.inputs());
  const auto grads = torch::autograd::grad({3 * chunked}, c.inputs());
  for (std::size_t i = 0; i < grads.size(); ++i) CHECK(max_difference(grads[i], expected[i]) < 1e-12);
  // Only what is asked for; without a bias.
  const auto of_a = torch::autograd::grad({linear_symmetric_kl(c.a, c.b.detach(), c.weight.detach())}, {c.a})[0];
  const auto alone = symmetric_kl(c.a.matmul(c.weight.t()), c.b.matmul(c.weight.t()));
  CHECK(max_difference(of_a, torch::autograd::grad({alone}, {c.a})[0]) < 1e-12);
}

TEST_CASE("the chunked divergence multiplies in bfloat16 under autocast and sums in float32") {
  const auto c = random_case(torch::kFloat32, 64, 50);
  const auto exact = linear_symmetric_kl(c.a, c.b, c.weight, c.bias);
  const auto exact_grads = torch::autograd::grad({exact}, c.inputs());
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto loss = linear_symmetric_kl(c.a, c.b, c.weight, c.bias);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  CHECK(loss.scalar_type() == torch::kFloat32);
  CHECK(loss.item<double>() == Approx(exact.item<double>()).epsilon(2e-2));
  CHECK(loss.item<double>() != exact.item<double>());
  const auto grads = torch::autograd::grad({loss}, c.inputs());
  for (std::size_t i = 0; i < grads.size(); ++i) {
    CHECK(grads[i].scalar_type() == torch::kFloat32);
    CHECK((grads[i] - exact_grads[i]).norm().item<double>() < 0.05 * exact_grads[i].norm().item<double>());
  }
}

TEST_CASE("operands of a divergence that do not fit are errors") {
  const auto c = random_case(torch::kFloat32);
  CHECK_THROWS_WITH(linear_symmetric_kl(c.a, c.b.narrow(0, 0, 3), c.weight), Catch::Contains("do not fit"));
  CHECK_THROWS_WITH(linear_symmetric_kl(c.a, c.b, c.weight.t()), Catch::Contains("do not fit"));
  CHECK_THROWS_WITH(linear_symmetric_kl(c.a, c.b, c.weight, c.bias.narrow(0, 0, 3)), Catch::Contains("do not fit"));
}

}  // namespace langzoo::test::r_drop_test
