#include "tests/support/test.h"

#include <cmath>
#include <limits>

#include "models/layers/vector_math.h"

namespace langzoo::test::vector_math_test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

LANGZOO_VECTOR_CLONES void exp_all(const float* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = exp_approx(x[i]);
}

/// By the vectorised loop.
std::vector<float> exponentials(const std::vector<float>& x) {
  std::vector<float> y(x.size());
  exp_all(x.data(), y.data(), std::ssize(x));
  return y;
}

}  // namespace

TEST_CASE("the exponential is right to a few ulp where it is a normal number") {
  std::vector<float> x;
  for (int i = 0; i <= 20000; ++i) x.push_back(-87.0f + 175.0f * static_cast<float>(i) / 20000);
  const auto y = exponentials(x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = std::exp(static_cast<double>(x[i]));
    worst = std::max(worst, std::abs(y[i] - exact) / exact);
    worst = std::max(worst, std::abs(exp_approx(x[i]) - exact) / exact);
  }
  CHECK(worst < 3e-7);
  CHECK(exp_approx(0) == 1);
}

TEST_CASE("the exponential of what is out of range or no number") {
  const float huge = std::numeric_limits<float>::max();
  const auto y =
      exponentials({-kInf, kInf, kNan, -kNan, -huge, huge, -1000, 1000, -88.5F, 89, 88.5F, -0.0F, 1, 1, 1, 1});
  CHECK(y[0] == 0);
  CHECK(y[1] == kInf);
  CHECK(std::isnan(y[2]));
  CHECK(std::isnan(y[3]));
  CHECK(y[4] == 0);
  CHECK(y[5] == kInf);
  CHECK(y[6] == 0);
  CHECK(y[7] == kInf);
  CHECK(y[8] == 0);
  CHECK(y[9] == kInf);
  CHECK(y[10] == Approx(std::exp(88.5)).epsilon(1e-5));
  CHECK(y[11] == 1);
  for (const float x : {-kInf, kInf, -huge, huge, -1000.F, 1000.F, -89.F, 89.F}) {
    CHECK(exp_approx(x) == (x > 0 ? kInf : 0));
    CHECK(sigmoid_approx(x) == (x > 0 ? 1 : 0));
    CHECK(tanh_approx(x) == (x > 0 ? 1 : -1));
  }
  CHECK(std::isnan(exp_approx(kNan)));
  CHECK(std::isnan(sigmoid_approx(kNan)));
  CHECK(std::isnan(tanh_approx(kNan)));
}

}  // namespace langzoo::test::vector_math_test
