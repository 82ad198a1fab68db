#include "tests/support/test.h"

#include "models/layers/scalar_mixture.h"

namespace langzoo::test::scalar_mixture_test {

TEST_CASE("a scalar mixture begins as the mean of the layers, and is its equation") {
  torch::manual_seed(2);
  const auto layers = torch::randn({3, 2, 4, 5});
  ScalarMixture mixture(3);
  CHECK(max_difference(mixture(layers), layers.mean(0)) < 1e-6);
  {
    const torch::NoGradGuard no_grad;
    mixture->weights.copy_(torch::tensor({0.5, -1.0, 2.0}));
    mixture->gamma.fill_(1.5);
  }
  const auto e = torch::tensor({0.5, -1.0, 2.0}).exp();
  auto expected = torch::zeros({2, 4, 5});
  for (std::int64_t j = 0; j < 3; ++j) expected += layers[j] * (e[j] / e.sum());
  CHECK(max_difference(mixture(layers), expected * 1.5) < 1e-5);
  mixture(layers).square().sum().backward();
  CHECK(mixture->weights.grad().abs().min().item<double>() > 0);
  CHECK(mixture->gamma.grad().abs().item<double>() > 0);
  CHECK(mixture->weights.grad().sum().abs().item<double>() < 1e-3);  // a softmax does not know the sum of w
}

TEST_CASE("with layer norm each token's vector of each layer counts alike") {
  torch::manual_seed(2);
  const auto layers = torch::randn({2, 3, 8}) * torch::tensor({1.0, 100.0}).view({2, 1, 1}) + 7;
  ScalarMixture mixture(2, /*layer_norm=*/true);
  const auto mean = layers.mean(-1, true), deviation = layers.std(-1, false, true);
  CHECK(max_difference(mixture(layers), ((layers - mean) / deviation).mean(0)) < 1e-4);
}

TEST_CASE("a mixture of other layers is refused") {
  CHECK_THROWS_AS(ScalarMixture(0), std::invalid_argument);
  ScalarMixture mixture(3);
  CHECK_THROWS_WITH(mixture(torch::zeros({2, 4})), Catch::Contains("3 layers expected"));
}

}  // namespace langzoo::test::scalar_mixture_test
