#include "tests/support/test.h"

#include <cmath>

#include <torch/optim/rmsprop.h>

#include "models/optim/optimizers.h"
#include "models/optim/rmsprop.h"

namespace langzoo::test::rmsprop_test {

namespace {

struct Problem {
  explicit Problem(const RmsPropOptions& options)
      : weight(torch::tensor({{1.0, -2.0}}, torch::kFloat64).requires_grad_()),
        rare(torch::tensor({0.5}, torch::kFloat64).requires_grad_()),
        parameters({{"weight", weight}, {"rare", rare}}),
        optimizer(parameters, options) {}
  void step(int number, double rate = 0.01) {
    parameters.zero_grad();
    (weight.square().sum() * (1 + 0.3 * number)).backward();
    if (number % 2 == 0) (rare.pow(4).sum()).backward();
    optimizer.step(rate);
  }
  torch::Tensor weight, rare;
  FlatParameters parameters;
  RmsProp optimizer;
};

}  // namespace

TEST_CASE("RMSProp is Graves's equations, number by number") {
  Problem problem({.decay = 0.9, .momentum = 0.8, .epsilon = 1e-3});
  double x[3] = {1.0, -2.0, 0.5}, n[3] = {}, m[3] = {}, change[3] = {};
  for (int step = 1; step <= 12; ++step) {
    problem.step(step);
    for (int i = 0; i < 3; ++i) {
      if (i == 2 && step % 2 == 1) continue;  // no gradient: nothing moves
      const double g = i < 2 ? 2 * x[i] * (1 + 0.3 * step) : 4 * std::pow(x[i], 3);
      n[i] = 0.9 * n[i] + 0.1 * g * g;
      m[i] = 0.9 * m[i] + 0.1 * g;
      change[i] = 0.8 * change[i] - 0.01 * g / std::sqrt(n[i] - m[i] * m[i] + 1e-3);
      x[i] += change[i];
    }
    CHECK(max_difference(problem.weight, torch::tensor({{x[0], x[1]}}, torch::kFloat64)) < 1e-12);
    CHECK(max_difference(problem.rare, torch::tensor({x[2]}, torch::kFloat64)) < 1e-12);
  }
}

TEST_CASE("not centered and with a small epsilon it is PyTorch's RMSprop") {
  auto theirs = torch::tensor({{1.0, -2.0}}, torch::kFloat64).requires_grad_();
  torch::optim::RMSprop reference({theirs}, torch::optim::RMSpropOptions(0.01).alpha(0.95).momentum(0.9).eps(1e-12));
  Problem problem({.epsilon = 1e-24, .centered = false});
  for (int step = 1; step <= 9; ++step) {
    problem.step(step);
    reference.zero_grad();
    (theirs.square().sum() * (1 + 0.3 * step)).backward();
    reference.step();
    CHECK(max_difference(problem.weight, theirs) < 1e-9);
  }
}

TEST_CASE("a restored RMSProp goes on as before, and a step of infinite gradients is left out") {
  Problem a({}), b({});
  for (int step = 1; step <= 4; ++step) a.step(step);
  {
    const torch::NoGradGuard no_grad;
    b.weight.copy_(a.weight);
    b.rare.copy_(a.rare);
  }
  NamedTensors saved;
  for (const auto& item : a.optimizer.state_dict()) saved.insert(item.key(), item.value().clone());
  CHECK(saved.size() == 6);
  b.optimizer.load_state_dict(saved);
  a.step(5), b.step(5);
  CHECK(torch::equal(a.weight, b.weight));
  CHECK(torch::equal(a.rare, b.rare));
  a.optimizer.step(0.01, {}, torch::ones({}));
  CHECK(torch::equal(a.weight, b.weight));
  // Gradients are divided on the way.
  a.optimizer.step(0.01, torch::full({}, 1e30));
  b.parameters.zero_grad();
  (b.weight.square().sum() * 0).backward();
  b.optimizer.step(0.01);
  CHECK(max_difference(a.weight, b.weight) < 1e-12);
}

TEST_CASE("rmsprop is in the table, with options of its own") {
  const auto weight = torch::ones({2, 2}).requires_grad_();
  FlatParameters parameters({{"weight", weight}});
  CHECK(dynamic_cast<RmsProp*>(make_optimizer("rmsprop", parameters, {}).get()) != nullptr);
  CHECK_THROWS_AS(RmsProp(parameters, {.decay = 1}), std::invalid_argument);
  CHECK_THROWS_AS(RmsProp(parameters, {.momentum = -0.1}), std::invalid_argument);
  CHECK_THROWS_AS(RmsProp(parameters, {.epsilon = 0}), std::invalid_argument);
}

}  // namespace langzoo::test::rmsprop_test
