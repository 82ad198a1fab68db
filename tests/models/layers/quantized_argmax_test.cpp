#include "models/layers/quantized_argmax.h"

#include <cmath>
#include <limits>

#include "models/layers/gemv.h"
#include "tests/support/test.h"

namespace langzoo::quantized_argmax_test {
namespace {

std::int64_t by_product(const torch::Tensor& weight, const torch::Tensor& x) {
  return gemv(x, weight, {}).argmax(-1).item<std::int64_t>();
}

}  // namespace

TEST_CASE("the largest of many products, by their bounds") {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  const auto [rows, width] = GENERATE(std::pair{1, 1}, std::pair{3, 5}, std::pair{41, 33}, std::pair{3001, 64},
                                      std::pair{20'000, 97}, std::pair{400, 1024});
  const auto dtype = GENERATE(torch::kFloat32, torch::kBFloat16);
  CAPTURE(rows, width, dtype);
  const auto weight = torch::randn({rows, width}).to(dtype);
  const QuantizedArgmax argmax(weight);
  for (int i = 0; i < 30; ++i) {
    const auto x = (torch::randn({1, width}) * std::pow(10.0, i % 7 - 3)).to(dtype);
    const auto found = argmax(x, weight);
    if (rows > 1000) REQUIRE(found);
    if (found) CHECK(*found == by_product(weight, x));
  }
}

TEST_CASE("rows that hardly differ: the right one or none") {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(4);
  const auto apart = GENERATE(0.0, 1e-7, 1e-4, 1e-2, 0.1);
  const auto weight = torch::randn({1, 48}) + apart * torch::randn({5000, 48});
  const QuantizedArgmax argmax(weight);
  int found = 0;
  for (int i = 0; i < 30; ++i) {
    const auto x = torch::randn({48});
    const auto token = argmax(x, weight);
    if (token) CHECK(*token == by_product(weight, x));
    found += token.has_value();
  }
  if (apart == 0.0) CHECK(found == 0);  // all candidates
  if (apart == 0.1) CHECK(found > 0);
}

TEST_CASE("of equal rows the first, and rows of one large element") {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(5);
  const auto dtype = GENERATE(torch::kFloat32, torch::kBFloat16);
  auto weight = torch::randn({4000, 40});
  weight.slice(0, 2000) = weight.slice(0, 0, 2000);
  weight.select(1, 7) *= 50;
  weight = weight.to(dtype);
  const QuantizedArgmax argmax(weight);
  int found = 0;
  for (int i = 0; i < 50; ++i) {
    auto x = torch::randn({40});
    x[7] *= 0.01;
    x = x.to(dtype);
    const auto token = argmax(x, weight);
    if (!token) continue;
    ++found;
    CHECK(*token < 2000);
    CHECK(*token == by_product(weight, x));
  }
  CHECK(found > 0);
}

TEST_CASE("bounds hold at the ends of what floats can say") {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(6);
  const bool flush = GENERATE(false, true);
  const auto of_weight = GENERATE(1e-30, 1e-22, 1e-18, 1e-15, 1.0, 1e15);
  const auto of_x = GENERATE(1e-38, 1e-20, 1.0, 1e15, 1e30);
  at::globalContext().setFlushDenormal(flush);
  CAPTURE(of_weight, of_x);
  const auto weight = of_weight * torch::randn({2000, 24});
  const QuantizedArgmax argmax(weight);
  for (int i = 0; i < 10; ++i) {
    const auto x = of_x * torch::randn({24});
    if (const auto token = argmax(x, weight)) CHECK(*token == by_product(weight, x));
  }
  at::globalContext().setFlushDenormal(false);
}

TEST_CASE("sums of int8 products that overflow decide nothing") {
  const torch::NoGradGuard no_grad;
  auto weight = torch::zeros({20, 2});
  weight[0][0] = 0.127F;
  weight[1][0] = 1, weight[1][1] = 10;
  const auto x = torch::tensor({1e37F, 0.0F});
  const auto token = QuantizedArgmax(weight)(x, weight);
  CHECK((!token || *token == 1));
}

TEST_CASE("what is not finite has no bounds") {
  const torch::NoGradGuard no_grad;
  const auto bad = GENERATE(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(), 3e38F);
  auto weight = torch::randn({100, 20}), x = torch::randn({20});
  x[3] = bad;
  CHECK_FALSE(QuantizedArgmax(weight)(x, weight));
  weight[50][4] = bad;
  CHECK_FALSE(QuantizedArgmax(weight)(torch::randn({20}), weight));
  weight.zero_();  // all are the largest
  CHECK_FALSE(QuantizedArgmax(weight)(torch::randn({20}), weight));
}

TEST_CASE("some products of many, bit by bit") {
  const torch::NoGradGuard no_grad;
  const auto dtype = GENERATE(torch::kFloat32, torch::kBFloat16);
  const auto width = GENERATE(1, 15, 31, 47, 50, 63, 64);
  const auto weight = torch::randn({37, width}).to(dtype), x = torch::randn({width}).to(dtype);
  const auto all = gemv(x, weight, {});
  const std::vector<std::int64_t> rows = {36, 0, 7, 7, 21};
  const auto some = gemv_rows(x, weight, rows);
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(some[i] == all[rows[i]].item<float>());
}

}  // namespace langzoo::quantized_argmax_test
