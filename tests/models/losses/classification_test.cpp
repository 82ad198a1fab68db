#include "tests/support/test.h"

#include <cmath>

#include "models/losses/classification.h"

namespace langzoo::test::classification_loss_test {
namespace {

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

}  // namespace

TEST_CASE("binary cross-entropy is the sum of its definition where the mask is not 0") {
  torch::manual_seed(1);
  const auto logits = torch::randn({3, 4}, torch::kFloat64), targets = torch::rand({3, 4}, torch::kFloat64);
  const auto mask = torch::tensor({{1, 1, 0, 1}, {0, 0, 0, 0}, {1, 0, 1, 1}});
  double all = 0, masked = 0;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j) {
      const double p = sigmoid(logits[i][j].item<double>()), y = targets[i][j].item<double>();
      const double loss = -y * std::log(p) - (1 - y) * std::log(1 - p);
      all += loss;
      masked += loss * mask[i][j].item<double>();
    }
  CHECK(binary_cross_entropy_sum(logits, targets).item<double>() == Approx(all));
  CHECK(binary_cross_entropy_sum(logits, targets, mask).item<double>() == Approx(masked));
  CHECK(binary_cross_entropy_sum(torch::tensor({800.0, -800.0}), torch::tensor({0, 1})).item<double>() == Approx(1600));
}

TEST_CASE("the loss of texts is what their problem says") {
  torch::manual_seed(2);
  const auto logits = torch::randn({3, 4}, torch::kFloat64);
  const auto classes = torch::tensor({2, 0, 3});
  double nats = 0;
  for (int i = 0; i < 3; ++i) {
    double z = 0;
    for (int j = 0; j < 4; ++j) z += std::exp(logits[i][j].item<double>());
    nats -= std::log(std::exp(logits[i][classes[i].item<int>()].item<double>()) / z);
  }
  CHECK(sequence_loss_sum(logits, classes, ProblemType::kSingleLabel).item<double>() == Approx(nats));

  const auto several = torch::tensor({{1, 0, 1, 0}, {0, 0, 0, 0}, {1, 1, 1, 1}});
  CHECK(sequence_loss_sum(logits, several, ProblemType::kMultiLabel).item<double>() ==
        Approx(binary_cross_entropy_sum(logits, several).item<double>() / 4));

  const auto number = torch::tensor({{0.5}, {-1.0}, {2.0}}, torch::kFloat64);
  const auto truth = torch::tensor({1.0, -1.0, 0.0}, torch::kFloat64);
  CHECK(sequence_loss_sum(number, truth, ProblemType::kRegression).item<double>() == Approx(0.25 + 0 + 4));
  CHECK(sequence_loss_sum(logits, torch::zeros({3, 4}), ProblemType::kRegression).item<double>() ==
        Approx(logits.square().sum().item<double>() / 4));
  CHECK_THROWS_WITH(sequence_loss_sum(logits, truth, ProblemType::kRegression), Catch::Matchers::Contains("as many"));
}

}  // namespace langzoo::test::classification_loss_test
