#include "models/layers/matmul.h"

#include <array>

#include "tests/support/test.h"

#include <ATen/autocast_mode.h>

#include "models/layers/parallel_for.h"

using langzoo::affine;
using langzoo::matmul_2d;
using langzoo::test::max_difference;

namespace {

/// The same values with the strides of a transposed matrix.
torch::Tensor transposed_strides(const torch::Tensor& x) {
  return x.t().contiguous().t();
}

}  // namespace

TEST_CASE("a product is the same whatever the operands' strides") {
  torch::manual_seed(1);
  for (const auto& [m, k, n] :
       {std::array<int, 3>{96, 64, 80}, {40, 128, 512}, {512, 128, 40}, {3, 2, 5}, {1, 300, 300}}) {
    CAPTURE(m, k, n);
    const auto a = torch::randn({m, k}), b = torch::randn({k, n});
    const auto exact = torch::mm(a.to(torch::kFloat64), b.to(torch::kFloat64));
    for (const auto& left : {a, transposed_strides(a)}) {
      for (const auto& right : {b, transposed_strides(b)}) {
        const auto product = matmul_2d(left, right);
        CHECK(product.is_contiguous());
        CHECK(max_difference(product, exact) < 1e-4);
      }
    }
  }
}

TEST_CASE("affine and its gradients equal the loop in float64") {
  torch::manual_seed(2);
  for (const bool transposed : {false, true}) {
    for (const bool with_bias : {false, true}) {
      CAPTURE(transposed, with_bias);
      auto x = torch::randn({3, 32, 48}).requires_grad_();
      auto stored = (transposed ? torch::randn({48, 96}) : torch::randn({96, 48})).requires_grad_();
      auto bias = with_bias ? torch::randn({96}).requires_grad_() : torch::Tensor();
      const auto upstream = torch::randn({3, 32, 96});
      const auto y = affine(x, transposed ? stored.t() : stored, bias);
      y.backward(upstream);

      const auto flat = x.detach().to(torch::kFloat64).view({96, 48});
      const auto w = (transposed ? stored.t() : stored).detach().to(torch::kFloat64);
      const auto g = upstream.to(torch::kFloat64).view({96, 96});
      auto expected = torch::einsum("ni,oi->no", {flat, w});
      if (with_bias) expected = expected + bias.detach().to(torch::kFloat64);
      CHECK(max_difference(y.detach().view({96, 96}), expected) < 1e-4);
      CHECK(max_difference(x.grad().view({96, 48}), torch::einsum("no,oi->ni", {g, w})) < 1e-4);
      const auto dw = torch::einsum("no,ni->oi", {g, flat});
      CHECK(max_difference(stored.grad(), transposed ? dw.t() : dw) < 1e-4);
      if (with_bias) CHECK(max_difference(bias.grad(), g.sum(0)) < 1e-4);
    }
  }
}

TEST_CASE("affine computes only the gradients asked for") {
  auto weight = torch::randn({96, 48}).requires_grad_();
  affine(torch::randn({64, 48}), weight, torch::zeros({96})).sum().backward();
  CHECK(weight.grad().defined());
  auto x = torch::randn({64, 48}).requires_grad_();
  affine(x, weight.detach(), {}).sum().backward();
  CHECK(x.grad().defined());
}

TEST_CASE("affine under autocast runs in bfloat16 and gives float32 gradients") {
  torch::manual_seed(3);
  auto x = torch::randn({64, 48}).requires_grad_();
  auto weight = torch::randn({96, 48}).requires_grad_();
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto y = affine(x, weight, {});
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  CHECK(y.scalar_type() == torch::kBFloat16);
  CHECK(max_difference(y.detach(), torch::mm(x.detach(), weight.detach().t())) < 0.2);
  y.sum().backward();
  CHECK(x.grad().scalar_type() == torch::kFloat32);
  CHECK(weight.grad().scalar_type() == torch::kFloat32);
}

TEST_CASE("a wrong number of features is named") {
  CHECK_THROWS_WITH(affine(torch::randn({2, 3}), torch::randn({4, 5}), {}), Catch::Contains("3 features"));
}

TEST_CASE("parallel_for covers the range once, nested or not") {
  for (const std::int64_t n : {0, 1, 2, 7, 1000}) {
    std::vector<int> visits(static_cast<std::size_t>(n), 0);
    langzoo::parallel_for(n, 1, [&](std::int64_t begin, std::int64_t end) {
      langzoo::parallel_for(end - begin, 1, [&](std::int64_t b, std::int64_t e) {
        for (auto i = begin + b; i < begin + e; ++i) ++visits[static_cast<std::size_t>(i)];
      });
    });
    CHECK(std::count(visits.begin(), visits.end(), 1) == n);
  }
}
