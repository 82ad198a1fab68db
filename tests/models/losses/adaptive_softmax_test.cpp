#include "tests/support/test.h"

#include <cmath>

#include "models/io/safetensors.h"
#include "models/io/state_dict.h"
#include "models/losses/adaptive_softmax.h"
#include "models/losses/cross_entropy.h"
#include "models/losses/sampled_softmax.h"

namespace langzoo::test::adaptive_softmax_test {

namespace {

AdaptiveSoftmaxOptions golden_options() {
  AdaptiveSoftmaxOptions options;
  options.width = 16, options.vocabulary = 14, options.cutoffs = {4, 8};
  options.div_value = 2.0, options.head_bias = true;
  return options;
}

}  // namespace

TEST_CASE("the adaptive softmax is torch.nn's: names, probabilities, loss, gradients") {
  const auto golden = load_safetensors(fixture("rnn_lm/adaptive.safetensors"));
  AdaptiveSoftmax module(golden_options());
  StateDict parameters;
  for (const auto& item : module->named_parameters()) parameters.insert(item.key(), golden[item.key()]);
  load_state_dict(*module, parameters);
  const auto hidden = golden["hidden"].clone().requires_grad_();
  CHECK(max_difference(module->log_probabilities(hidden), golden["log_probabilities"]) < 1e-5);
  const auto loss = module->loss_sum(hidden, golden["targets"]);
  CHECK(loss.item<double>() == Approx(golden["loss"].item<double>()).epsilon(1e-5));
  loss.backward();
  CHECK(max_difference(hidden.grad(), golden["grad.hidden"]) < 1e-5);
  for (const auto& item : module->named_parameters()) {
    INFO(item.key());
    CHECK(max_difference(item.value().grad(), golden["grad." + item.key()]) < 1e-5);
  }
}

TEST_CASE("its loss is that of its probabilities, ignored targets and empty clusters among them") {
  torch::manual_seed(2);
  AdaptiveSoftmax module(golden_options());
  const auto hidden = torch::randn({5, 16});
  const auto targets = torch::tensor({0, 5, -100, 7, 3});
  const auto logs = module->log_probabilities(hidden);
  CHECK(max_difference(logs.exp().sum(1), torch::ones({5})) < 1e-5);
  double expected = 0;
  for (const int i : {0, 1, 3, 4}) expected -= logs[i][targets[i].item<std::int64_t>()].item<double>();
  CHECK(module->loss_sum(hidden, targets).item<double>() == Approx(expected).epsilon(1e-5));
  CHECK_THROWS_WITH(module->loss_sum(hidden, targets + 9), Catch::Contains("outside [0, 14)"));
}

TEST_CASE("cutoffs that cannot be are refused") {
  const auto refused = [](std::vector<std::int64_t> cutoffs, double div_value = 2.0, const char* says = "must be") {
    auto options = golden_options();
    options.cutoffs = std::move(cutoffs);
    options.div_value = div_value;
    CHECK_THROWS_AS(AdaptiveSoftmax(options), std::invalid_argument);
    CHECK_THROWS_WITH(AdaptiveSoftmax(options), Catch::Contains(says));
  };
  refused({});
  refused({0});
  refused({4, 4}, 2, "a cutoff = 4 must be above 4, the one before it");
  refused({4, 14}, 2, "a cutoff = 14 must be below the vocabulary's 14");
  refused({4, 8}, 5.0);
}

TEST_CASE("Zipf's law sums to one, and what is drawn follows it") {
  constexpr std::int64_t kWords = 50;
  const auto p = log_uniform_probabilities(torch::arange(kWords), kWords);
  CHECK(p.sum().item<double>() == Approx(1).epsilon(1e-5));
  CHECK(p[0].item<double>() == Approx(std::log(2.0) / std::log(51.0)));
  torch::manual_seed(1);
  const auto drawn = log_uniform_samples(40000, kWords);
  CHECK(drawn.min().item<std::int64_t>() == 0);
  CHECK(drawn.max().item<std::int64_t>() == kWords - 1);
  const auto share = torch::bincount(drawn, {}, kWords).to(torch::kFloat32) / 40000;
  CHECK(max_difference(share, p) < 0.01);
}

TEST_CASE("the sampled softmax is a plain loop over the drawn words, gradients too") {
  torch::manual_seed(5);
  const auto options = torch::dtype(torch::kFloat64);
  const auto hidden = torch::randn({3, 4}, options).requires_grad_();
  const auto weight = torch::randn({9, 4}, options).requires_grad_(),
             bias = torch::randn({9}, options).requires_grad_();
  const auto targets = torch::tensor({2, -100, 5}), samples = torch::tensor({0, 5, 1, 0, 7});
  const auto loss = sampled_softmax_loss(hidden, weight, bias, targets, samples);
  torch::Tensor expected = torch::zeros({}, options);
  for (const int i : {0, 2}) {
    const auto corrected = [&](std::int64_t k) {
      const double p = std::log((k + 2.0) / (k + 1.0)) / std::log(10.0);
      return hidden[i].dot(weight[k]) + bias[k] - std::log(5 * p);
    };
    const auto own = targets[i].item<std::int64_t>();
    auto sum = corrected(own).exp();
    for (int s = 0; s < 5; ++s) {
      const auto k = samples[s].item<std::int64_t>();
      if (k != own) sum = sum + corrected(k).exp();
    }
    expected = expected + sum.log() - corrected(own);
  }
  CHECK(loss.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
  const auto ours = torch::autograd::grad({loss}, {hidden, weight, bias});
  const auto theirs = torch::autograd::grad({expected}, {hidden, weight, bias});
  for (std::size_t i = 0; i < 3; ++i) CHECK(max_difference(ours[i], theirs[i]) < 1e-5);
}

}  // namespace langzoo::test::adaptive_softmax_test
