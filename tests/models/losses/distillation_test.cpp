#include "tests/support/test.h"

#include <cmath>

#include <torch/nn/functional/loss.h>

#include "models/losses/distillation.h"

namespace langzoo::test::distillation_test {
namespace {

using Catch::Matchers::Contains;
using torch::Tensor;

double probability(const Tensor& logits, int i, double temperature) {
  double sum = 0;
  for (int j = 0; j < logits.size(0); ++j) sum += std::exp(logits[j].item<double>() / temperature);
  return std::exp(logits[i].item<double>() / temperature) / sum;
}

Tensor random(at::IntArrayRef sizes) {
  return torch::randn(sizes, torch::kFloat64);
}

}  // namespace

TEST_CASE("divergence and cross-entropy to a teacher are the sums of their definitions") {
  torch::manual_seed(1);
  const auto student = random({3, 5}), teacher = random({3, 5});
  for (const double temperature : {1.0, 2.0}) {
    double divergence = 0, cross_entropy = 0;
    for (int n = 0; n < 3; ++n)
      for (int v = 0; v < 5; ++v) {
        const double p = probability(teacher[n], v, temperature), q = probability(student[n], v, temperature);
        divergence += p * (std::log(p) - std::log(q)) * temperature * temperature;
        cross_entropy -= p * std::log(q);
      }
    CHECK(soft_divergence_sum(student, teacher, temperature).item<double>() == Approx(divergence));
    CHECK(soft_cross_entropy_sum(student, teacher, temperature).item<double>() == Approx(cross_entropy));
  }
  CHECK(soft_divergence_sum(student, student, 2).item<double>() == Approx(0).margin(1e-12));
}

TEST_CASE("DistilBERT's loss is its three parts, as torch has them") {
  torch::manual_seed(2);
  const auto student = random({4, 7}).requires_grad_(), teacher = random({4, 7});
  const auto states = random({6, 3}).requires_grad_(), theirs = random({6, 3});
  const auto labels = torch::tensor({0, 6, 2, 2});
  const auto loss = DistilBertLoss()(student, teacher, labels, states, theirs);
  namespace F = torch::nn::functional;
  double soft = 0, cosine = 0;
  for (int n = 0; n < 4; ++n)
    for (int v = 0; v < 7; ++v) {
      const double p = probability(teacher[n], v, 2);
      soft += p * std::log(p / probability(student[n], v, 2)) * 4 / 4;  // T^2, a mean over 4 rows
    }
  for (int m = 0; m < 6; ++m) {
    const auto x = states[m], y = theirs[m];
    cosine += (1 - x.dot(y).item<double>() / (x.norm() * y.norm()).item<double>()) / 6;
  }
  CHECK(loss.item<double>() == Approx(5 * soft + 2 * F::cross_entropy(student, labels).item<double>() + cosine));
  CHECK(cosine_distance_sum(states, theirs).item<double>() ==
        Approx(6 * F::cosine_embedding_loss(states, theirs, torch::ones({6})).item<double>()));
  loss.backward();
  CHECK(student.grad().isfinite().all().item<bool>());
  CHECK(states.grad().abs().sum().item<double>() > 0);
  const auto none = torch::empty({0, 7}, torch::kFloat64);
  CHECK(DistilBertLoss()(none, none, torch::empty({0}, torch::kInt64), states, states).item<double>() ==
        Approx(0).margin(1e-9));
}

TEST_CASE("TinyBERT's attention loss leaves out padded keys and takes every third layer's last") {
  torch::manual_seed(3);
  std::vector<Tensor> student, teacher;
  for (int m = 0; m < 2; ++m) student.push_back(random({2, 3, 4, 4}));
  for (int n = 0; n < 6; ++n) teacher.push_back(random({2, 3, 4, 4}));
  const auto mask = torch::tensor({{1, 1, 1, 1}, {1, 1, 0, 0}});
  double expected = 0;
  for (int m = 0; m < 2; ++m)
    for (int b = 0; b < 2; ++b)
      for (int h = 0; h < 3; ++h)
        for (int t = 0; t < 4; ++t)
          for (int s = 0; s < (b == 0 ? 4 : 2); ++s) {
            const double d = (student[m][b][h][t][s] - teacher[3 * m + 2][b][h][t][s]).item<double>();
            expected += d * d / (2 * 3 * 4 * 4);
          }
  CHECK(attention_distance(student, teacher, mask).item<double>() == Approx(expected));
  teacher.pop_back();
  CHECK_THROWS_WITH(attention_distance(student, teacher, mask), Contains("5 layers") && Contains("each of 2"));
  teacher.resize(2, random({2, 5, 4, 4}));
  teacher[0] = random({2, 5, 4, 4});
  CHECK_THROWS_WITH(attention_distance(student, teacher, mask), Contains("as many heads"));
}

TEST_CASE("TinyBERT's hidden loss projects the student's states, the embeddings' too") {
  torch::manual_seed(4);
  std::vector<Tensor> student, teacher;
  for (int m = 0; m < 3; ++m) student.push_back(random({2, 3, 4}));
  for (int n = 0; n < 7; ++n) teacher.push_back(random({2, 3, 5}));
  const auto projection = random({5, 4}).requires_grad_(), bias = random({5});
  const auto mask = torch::tensor({{1, 1, 1}, {1, 0, 0}});
  const auto expected = [&](bool tokens_only) {
    double sum = 0;
    for (int m = 0; m < 3; ++m)
      for (int b = 0; b < 2; ++b)
        for (int t = 0; t < (b == 0 || !tokens_only ? 3 : 1); ++t)
          for (int c = 0; c < 5; ++c) {
            const double y = projection[c].dot(student[m][b][t]).item<double>() + bias[c].item<double>();
            const double d = y - teacher[3 * m][b][t][c].item<double>();
            sum += d * d / (5 * (tokens_only ? 4 : 6));
          }
    return sum;
  };
  CHECK(hidden_distance(student, teacher, projection, bias, mask).item<double>() == Approx(expected(true)));
  const auto all = hidden_distance(student, teacher, projection, bias, {});
  CHECK(all.item<double>() == Approx(expected(false)));
  all.backward();
  CHECK(projection.grad().abs().sum().item<double>() > 0);
}

TEST_CASE("a student begins with layers spread over the teacher's") {
  CHECK(spread_layers(12, 6) == std::vector<std::int64_t>{0, 2, 4, 7, 9, 11});
  CHECK(spread_layers(3, 3) == std::vector<std::int64_t>{0, 1, 2});
  CHECK(spread_layers(4, 1) == std::vector<std::int64_t>{0});
  CHECK_THROWS_WITH(spread_layers(2, 3), Contains("3 layers"));
}

}  // namespace langzoo::test::distillation_test
