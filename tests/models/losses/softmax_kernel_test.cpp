#include "models/losses/softmax_kernel.h"

#include "models/losses/cross_entropy.h"
#include "tests/support/test.h"

using langzoo::softmax_cross_entropy_;
using langzoo::test::max_difference;

namespace {

/// Loss and gradient by ATen in float64.
std::pair<double, torch::Tensor> expected(const torch::Tensor& logits, const torch::Tensor& targets,
                                          double z_loss = 0) {
  const auto exact = logits.to(torch::kFloat64).requires_grad_();
  const auto loss = langzoo::cross_entropy(exact, targets) + z_loss * exact.logsumexp(-1).square().sum();
  return {loss.item<double>(), torch::autograd::grad({loss}, {exact})[0]};
}

}  // namespace

TEST_CASE("the softmax kernel equals the formula in float64") {
  torch::manual_seed(1);
  const auto vocabulary = GENERATE(1, 2, 15, 16, 17, 65, 5003);
  const auto scale = GENERATE(1.0, 30.0);
  CAPTURE(vocabulary, scale);
  const auto logits = torch::randn({37, vocabulary}) * scale;
  auto targets = torch::randint(vocabulary, {37}, torch::kInt64);
  targets.slice(0, 1, 37, 5).fill_(-100);
  const auto [loss, gradient] = expected(logits, targets);
  const auto given = logits.clone();
  CHECK(softmax_cross_entropy_(given, targets, -100, false) == Approx(loss).epsilon(1e-5).margin(1e-5));
  CHECK(torch::equal(given, logits));
  CHECK(softmax_cross_entropy_(given, targets, -100, true) == Approx(loss).epsilon(1e-5).margin(1e-5));
  CHECK(max_difference(given, gradient) < 2e-6);
}

TEST_CASE("the softmax kernel stores bfloat16 and computes in float32") {
  torch::manual_seed(2);
  const auto logits = (3 * torch::randn({20, 300})).to(torch::kBFloat16);
  const auto targets = torch::randint(300, {20}, torch::kInt64);
  const auto z_loss = GENERATE(0.0, 0.01);
  const auto [loss, gradient] = expected(logits, targets, z_loss);
  const auto given = logits.clone();
  CHECK(softmax_cross_entropy_(given, targets, -100, true, {}, z_loss) == Approx(loss).epsilon(1e-5));
  // One unit in the last place of values under 1; with z_loss they are under 2.
  CHECK(max_difference(given, gradient.to(torch::kBFloat16)) < (z_loss == 0 ? 0.004 : 0.008));
}

TEST_CASE("the softmax kernel names a target outside the vocabulary and lets NaN through") {
  CHECK_THROWS_WITH(softmax_cross_entropy_(torch::zeros({2, 4}), torch::tensor({1, 4}), -100, true),
                    Catch::Contains("target 4 is not in [0, 4)"));
  auto logits = torch::zeros({1, 40});
  logits[0][33] = std::nanf("");
  CHECK(std::isnan(softmax_cross_entropy_(logits, torch::tensor({1}), -100, false)));
}
