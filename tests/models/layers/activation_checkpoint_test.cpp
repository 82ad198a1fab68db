#include "tests/support/test.h"

#include <ATen/autocast_mode.h>

#include "models/layers/activation_checkpoint.h"

namespace langzoo::test {

TEST_CASE("a checkpointed function has the plain one's value, gradients and random numbers") {
  torch::manual_seed(8);
  const auto weight = torch::randn({6, 6}).requires_grad_(), unused = torch::randn({2}).requires_grad_();
  const auto x = torch::randn({4, 6}).requires_grad_();
  int runs = 0;
  const auto function = [&](const torch::Tensor& y) {
    ++runs;
    return torch::dropout(torch::tanh(y.matmul(weight)), 0.5, true);
  };
  const auto run = [&](bool checkpointed) {
    torch::manual_seed(9);
    const auto y = checkpointed ? checkpoint(function, x, {weight, unused}) : function(x);
    const auto after = torch::rand({3});
    const auto loss = (y * torch::dropout(y, 0.5, true)).sum();
    const auto grads = torch::autograd::grad({loss}, {x, weight});
    return std::vector<torch::Tensor>{y.detach(), after, grads[0], grads[1], torch::rand({3})};
  };
  const auto plain = run(false);
  CHECK(runs == 1);
  const auto checkpointed = run(true);
  CHECK(runs == 3);
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(torch::equal(plain[i], checkpointed[i]));

  const torch::NoGradGuard no_grad;
  CHECK_FALSE(checkpoint(function, x, {weight, unused}).requires_grad());
}

TEST_CASE("the second run of a checkpointed function sees the first one's autocast state") {
  const auto weight = torch::ones({2, 2}).requires_grad_(), x = torch::ones({2, 2}).requires_grad_();
  std::vector<torch::ScalarType> seen;
  const auto function = [&](const torch::Tensor& y) {
    const auto z = at::matmul(y, weight);
    seen.push_back(z.scalar_type());
    return z.to(torch::kFloat32);
  };
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto y = checkpoint(function, x, {weight});
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  y.sum().backward();
  CHECK(seen == std::vector<torch::ScalarType>{torch::kBFloat16, torch::kBFloat16});
  CHECK_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
  CHECK(torch::equal(weight.grad(), torch::full({2, 2}, 2.0)));
}

}  // namespace langzoo::test
