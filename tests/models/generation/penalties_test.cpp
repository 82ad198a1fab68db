#include "models/generation/penalties.h"

#include "tests/support/test.h"

namespace langzoo {
namespace {

TEST_CASE("length normalizers are GNMT's and the power of the length") {
  const auto gnmt = [](double alpha, std::int64_t length) {
    return length_normalizer(LengthNormalization::kGnmt, alpha, length);
  };
  CHECK(gnmt(0.6, 1) == 1.0);
  CHECK(gnmt(0.6, 5) == Approx(1.358655).epsilon(1e-6));
  CHECK(gnmt(0.6, 10) == Approx(1.732862).epsilon(1e-6));
  CHECK(gnmt(0.6, 20) == Approx(2.354362).epsilon(1e-6));
  CHECK(gnmt(0.6, 50) == Approx(3.778565).epsilon(1e-6));
  CHECK(gnmt(0.2, 10) == Approx(1.201124).epsilon(1e-6));
  CHECK(gnmt(0, 17) == 1.0);
  CHECK(length_normalizer(LengthNormalization::kAverage, 1, 17) == 17.0);
  CHECK(length_normalizer(LengthNormalization::kAverage, 0, 17) == 1.0);
  CHECK(length_normalizer(LengthNormalization::kAverage, -2, 4) == Approx(1.0 / 16));
}

TEST_CASE("coverage is scored up to 1, padding not at all, and nothing is minus infinity") {
  const auto coverage = torch::tensor({{0.5F, 1.2F, 0.9F}, {0.5F, 0.9F, 0.0F}, {1.0F, 3.0F, 1.5F}, {1.0F, 0.0F, 1.0F}});
  const auto mask = torch::tensor({{1, 1, 1}, {1, 1, 0}, {1, 1, 1}, {1, 1, 1}}) != 0;
  const auto score = coverage_score(coverage, mask, 0.2);
  CHECK(score[0].item<double>() == Approx(-0.159702).epsilon(1e-5));
  CHECK(score[1].item<double>() == Approx(-0.159702).epsilon(1e-5));
  CHECK(score[2].item<double>() == 0);
  CHECK(score[3].item<double>() == Approx(0.2 * std::log(1e-10)));
  CHECK(coverage_score(coverage, {}, 0.2)[0].item<double>() == Approx(-0.159702).epsilon(1e-5));
}

}  // namespace
}  // namespace langzoo
