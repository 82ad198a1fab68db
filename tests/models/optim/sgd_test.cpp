#include "tests/support/test.h"

#include <torch/optim/sgd.h>

#include "models/optim/clip.h"
#include "models/optim/sgd.h"

namespace langzoo {
namespace {

using test::max_difference;

TEST_CASE("SGD follows torch::optim::SGD; what has no gradient stays") {
  torch::manual_seed(1);
  const auto ours = torch::randn({4, 3}).requires_grad_(), unused = torch::randn({5}).requires_grad_();
  const auto theirs = ours.detach().clone().requires_grad_(), kept = unused.detach().clone();
  const auto target = torch::randn({4, 3});
  FlatParameters parameters({{"weight", ours}, {"unused", unused}});
  Sgd optimizer(parameters);
  torch::optim::SGD oracle({theirs}, 0.1);
  for (int step = 0; step < 20; ++step) {
    parameters.zero_grad();
    oracle.zero_grad();
    (ours - target).pow(2).sum().backward();
    (theirs - target).pow(2).sum().backward();
    optimizer.step(0.1);
    oracle.step();
    REQUIRE(max_difference(ours, theirs) < 1e-6);
  }
  CHECK(max_difference(unused, kept) == 0);
  CHECK(optimizer.state_dict().is_empty());
}

TEST_CASE("SGD divides by the clipping divisor and leaves out a step with infinite gradients") {
  const auto weight = torch::ones({2}).requires_grad_();
  FlatParameters parameters({{"weight", weight}});
  Sgd optimizer(parameters);
  (weight * torch::tensor({3.0, 4.0})).sum().backward();
  optimizer.step(1.0, clip_divisor(parameters.grad_norm(), 1.0));
  CHECK(max_difference(weight, torch::tensor({0.4, 0.2})) < 1e-5);
  parameters.zero_grad();
  (weight * std::numeric_limits<double>::infinity()).sum().backward();
  optimizer.step(1.0, {}, torch::ones({}));
  CHECK(max_difference(weight, torch::tensor({0.4, 0.2})) < 1e-5);
}

}  // namespace
}  // namespace langzoo
