#include "tests/support/test.h"

#include <cmath>

#include "models/optim/asgd.h"
#include "models/optim/optimizers.h"

namespace langzoo::test::asgd_test {

namespace {

struct Problem {
  explicit Problem(const AsgdOptions& options)
      : weight(torch::tensor({{1.0f, -2.0f}}).requires_grad_()),
        bias(torch::tensor({0.5f}).requires_grad_()),
        parameters({{"weight", weight}, {"bias", bias}}),
        optimizer(parameters, options) {}
  void step(double rate = 0.1) {
    parameters.zero_grad();
    (weight.square().sum() + bias.square().sum()).backward();
    optimizer.step(rate);
  }
  torch::Tensor weight, bias;
  FlatParameters parameters;
  Asgd optimizer;
};

}  // namespace

TEST_CASE("averaged SGD is SGD with decay, and its average the mean of the weights after each step") {
  Problem problem({.nonmono = 0, .weight_decay = 0.5});
  auto weight = torch::tensor({{1.0f, -2.0f}}), bias = torch::tensor({0.5f});
  auto sum = torch::zeros_like(weight);
  for (int step = 1; step <= 7; ++step) {
    problem.step();
    weight = weight - 0.1 * (2 * weight + 0.5 * weight);
    bias = bias - 0.1 * 2 * bias;
    sum = sum + weight;
    CHECK(max_difference(problem.weight, weight) < 1e-6);
    CHECK(max_difference(problem.bias, bias) < 1e-6);  // biases do not decay
    REQUIRE(problem.optimizer.averages());
    problem.optimizer.exchange_average();
    CHECK(max_difference(problem.weight, sum / step) < 1e-6);
    problem.optimizer.exchange_average();
    CHECK(max_difference(problem.weight, weight) < 1e-6);
  }
}

TEST_CASE("averaging begins once an evaluation is worse than the best of those long enough ago") {
  Problem problem({.nonmono = 2, .weight_decay = 0});
  const auto told = [&](double loss) {
    problem.optimizer.evaluated(loss);
    problem.step();
    return problem.optimizer.averages();
  };
  CHECK_FALSE(told(5.0));
  CHECK_FALSE(told(4.0));
  CHECK_FALSE(told(4.5));  // 5.0 alone is older than two evaluations
  CHECK_FALSE(told(3.9));  // of 5.0, 4.0
  CHECK(told(4.1));        // 4.1 > min(5.0, 4.0)
  CHECK(told(1.0));
}

TEST_CASE("a restored averaged SGD goes on as before, its evaluations too") {
  Problem a({.nonmono = 1, .weight_decay = 0.1}), b({.nonmono = 1, .weight_decay = 0.1});
  for (const double loss : {3.0, 2.0}) a.step(), a.optimizer.evaluated(loss);
  {
    const torch::NoGradGuard no_grad;
    b.weight.copy_(a.weight);
    b.bias.copy_(a.bias);
  }
  NamedTensors saved;
  for (const auto& item : a.optimizer.state_dict()) saved.insert(item.key(), item.value().clone());
  b.optimizer.load_state_dict(saved);
  for (auto* const problem : {&a, &b}) {
    problem->optimizer.evaluated(3.5);
    for (int i = 0; i < 3; ++i) problem->step();
    REQUIRE(problem->optimizer.averages());
    problem->optimizer.exchange_average();
  }
  CHECK(torch::equal(a.weight, b.weight));
}

TEST_CASE("asgd is in the table, with options of its own") {
  const auto weight = torch::ones({2, 2}).requires_grad_();
  FlatParameters parameters({{"weight", weight}});
  OptimizerOptions options;
  CHECK(dynamic_cast<Asgd*>(make_optimizer("asgd", parameters, options).get()) != nullptr);
  const auto unread = unread_optimizer_options("asgd");
  CHECK(std::find(unread.begin(), unread.end(), "weight_decay") != unread.end());
  AsgdOptions impossible;
  impossible.nonmono = -1;
  CHECK_THROWS_AS(Asgd(parameters, impossible), std::invalid_argument);
}

}  // namespace langzoo::test::asgd_test
