#include "models/layers/gemv.h"

#include "tests/support/test.h"

using langzoo::gemv;
using langzoo::gemv_rows;
using langzoo::is_gemv;
using langzoo::test::max_difference;

TEST_CASE("one row times a matrix equals the product in float64") {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  const auto [in, out] = GENERATE(std::pair{1, 1}, std::pair{5, 3}, std::pair{33, 18}, std::pair{256, 771},
                                  std::pair{770, 260}, std::pair{1023, 1025});
  const bool transposed = GENERATE(false, true), with_bias = GENERATE(false, true), bf16 = GENERATE(false, true);
  CAPTURE(in, out, transposed, with_bias, bf16);
  const auto options = torch::dtype(bf16 ? torch::kBFloat16 : torch::kFloat32);
  const auto x = torch::randn({1, 1, in}).to(options);
  const auto weight =
      transposed ? torch::randn({in, out}).to(options).t() : torch::randn({out, in}).to(options);  // (out,in)
  const auto bias = with_bias ? torch::randn({out}).to(options) : torch::Tensor();
  REQUIRE(is_gemv(x, weight, bias));
  const auto y = gemv(x, weight, bias);
  CHECK(y.sizes() == torch::IntArrayRef({1, 1, out}));
  CHECK(y.scalar_type() == x.scalar_type());
  auto expected = torch::matmul(x.to(torch::kFloat64), weight.to(torch::kFloat64).t());
  if (with_bias) expected = expected + bias.to(torch::kFloat64);
  if (bf16) expected = expected.to(torch::kBFloat16);
  const double bound = bf16 ? 0.008 * expected.abs().max().item<double>() : 2e-4;
  CHECK(max_difference(y, expected) <= bound);
  CHECK(torch::equal(y, gemv(x, weight, bias)));
}

TEST_CASE("some rows of the matrix give those elements of the product bit by bit") {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(2);
  const std::int64_t in = GENERATE(1, 31, 96, 127, 1023);
  const auto dtype = GENERATE(torch::kFloat32, torch::kBFloat16);
  CAPTURE(in, dtype);
  const auto x = torch::randn({in}).to(dtype), weight = torch::randn({300, in}).to(dtype);
  const std::vector<std::int64_t> rows{299, 0, 17, 17};
  const auto all = gemv(x, weight, {}).to(torch::kFloat32), kept = x.clone();
  const auto some = gemv_rows(x, weight, rows);
  REQUIRE(some.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(some[i] == all[rows[i]].item<float>());
  CHECK(torch::equal(x, kept));
}

TEST_CASE("gemv takes one row without a gradient, nothing else") {
  const auto x = torch::randn({1, 8}), weight = torch::randn({4, 8});
  CHECK_FALSE(is_gemv(x, weight, {}));
  const torch::NoGradGuard no_grad;
  CHECK(is_gemv(x, weight, {}));
  CHECK_FALSE(is_gemv(torch::randn({2, 8}), weight, {}));
  CHECK_FALSE(is_gemv(x, torch::randn({4, 16}).slice(1, 0, 16, 2), {}));
  CHECK_FALSE(is_gemv(x.to(torch::kFloat64), weight.to(torch::kFloat64), {}));
  CHECK_FALSE(is_gemv(x.to(torch::kBFloat16), weight, {}));
}
