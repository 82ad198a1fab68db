#include "tests/support/test.h"

#include "models/layers/stepwise_product.h"

namespace langzoo::test {
namespace {

using torch::Tensor;

/// h_t = tanh(h_{t-1} M + x_t): its last state, with the products by `product`.
template <class Product>
Tensor unrolled(const Tensor& x, const Product& product) {
  auto h = torch::zeros_like(x[0]);
  for (std::int64_t t = 0; t < x.size(0); ++t) h = (product(h) + x[t]).tanh();
  return h;
}

}  // namespace

TEST_CASE("the gradients of stepwise products are autograd's") {
  torch::manual_seed(1);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
    for (const bool own_matrices : {false, true}) {
      INFO(c10::toString(dtype) << (own_matrices ? ", a matrix a row" : ", one matrix"));
      const auto values = own_matrices ? torch::randn({3, 5, 5}, dtype) : torch::randn({5, 5}, dtype);
      const auto inputs = torch::randn({4, 3, 2, 5}, dtype);
      const auto gradients = [&](const auto& make) {
        const auto matrix = values.clone().requires_grad_(), x = inputs.clone().requires_grad_();
        const auto loss = unrolled(x, make(matrix)).square().sum();
        loss.backward();
        return std::pair(matrix.grad(), x.grad());
      };
      const auto [matrix, x] = gradients([](const Tensor& m) { return StepwiseProduct(m); });
      const auto [expected_matrix, expected_x] =
          gradients([](const Tensor& m) { return [m](const Tensor& h) { return h.matmul(m); }; });
      CHECK(max_difference(matrix, expected_matrix) < 1e-5);
      CHECK(max_difference(x, expected_x) < 1e-5);
    }
  }
}

TEST_CASE("a second backward pass through the same graph adds the same gradient") {
  const auto matrix = torch::randn({4, 4}, torch::requires_grad()), x = torch::randn({3, 2, 4});
  const auto loss = unrolled(x, StepwiseProduct(matrix)).sum();
  loss.backward({}, /*retain_graph=*/true);
  const auto once = matrix.grad().clone();
  loss.backward();
  CHECK(max_difference(matrix.grad(), 2 * once) < 1e-6);
}

TEST_CASE("unused, frozen and gradient-free products") {
  const auto matrix = torch::randn({4, 4}, torch::requires_grad()), x = torch::randn({2, 4}, torch::requires_grad());
  const StepwiseProduct unused(matrix);
  x.matmul(matrix).sum().backward();
  CHECK(matrix.grad().defined());

  const auto frozen = torch::randn({4, 4});
  x.mutable_grad() = Tensor();
  StepwiseProduct(frozen)(x).sum().backward();
  CHECK(max_difference(x.grad(), frozen.sum(1).expand({2, 4})) < 1e-6);

  const torch::NoGradGuard no_grad;
  CHECK(StepwiseProduct(matrix)(x).equal(x.matmul(matrix)));
}

}  // namespace langzoo::test
