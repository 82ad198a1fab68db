#include "models/layers/linear.h"

#include <ATen/autocast_mode.h>
#include <torch/optim/sgd.h>

#include <cmath>
#include <thread>

#include "tests/support/test.h"

namespace langzoo {
namespace {

bool can_pack() {
  return at::globalContext().hasMKLDNN();
}

/// W (out,in) of a layer, whatever its layout.
torch::Tensor matrix(const Linear& layer, WeightLayout layout) {
  const auto weight = layer->weight.detach();
  return layout == WeightLayout::kOutIn ? weight : weight.t();
}

const auto kLayouts = {WeightLayout::kOutIn, WeightLayout::kInOut};

TEST_CASE("linear equals at::linear with and without packing, for any shape of x") {
  torch::manual_seed(1);
  const std::vector<std::vector<std::int64_t>> shapes = {{24},          {1, 24},   {8, 24}, {2, 3, 24},
                                                         {2, 1, 5, 24}, {300, 24}, {0, 24}};
  for (const auto layout : kLayouts) {
    for (const bool with_bias : {true, false}) {
      Linear layer(24, 40, with_bias, layout);
      const auto w = matrix(layer, layout);
      const auto b = with_bias ? layer->bias.detach() : torch::Tensor();
      for (const auto& shape : shapes) {
        INFO(at::IntArrayRef(shape) << " layout " << static_cast<int>(layout) << " bias " << with_bias);
        const auto x = torch::randn(shape);
        const auto expected = torch::linear(x, w, b);
        const auto with_grad = layer->forward(x);
        CHECK(with_grad.requires_grad());
        CHECK(torch::allclose(with_grad, expected, 1e-5, 1e-5));
        const c10::InferenceMode guard;
        CHECK(torch::allclose(layer->forward(x), expected, 1e-5, 1e-5));
      }
      const torch::NoGradGuard no_grad;
      const auto tall = torch::randn({24, 7});
      CHECK(test::max_difference(layer->forward(tall.t()), torch::linear(tall.t(), w, b)) < 1e-5);
      CHECK(layer->packed_weight().packed() == can_pack());
    }
  }
}

TEST_CASE("gradients are the plain product's, and nothing is packed for them") {
  for (const auto layout : kLayouts) {
    Linear layer(6, 5, true, layout);
    const auto x = torch::randn({3, 6}, torch::requires_grad());
    layer->forward(x).square().sum().backward();
    CHECK_FALSE(layer->packed_weight().packed());
    const auto w = matrix(layer, layout);
    const auto slope = 2 * (x.detach().matmul(w.t()) + layer->bias.detach());  // (3,5)
    const auto gradient = layout == WeightLayout::kOutIn ? layer->weight.grad() : layer->weight.grad().t();
    CHECK(test::max_difference(gradient, slope.t().matmul(x.detach())) < 1e-5);
    CHECK(test::max_difference(layer->bias.grad(), slope.sum(0)) < 1e-5);
    CHECK(test::max_difference(x.grad(), slope.matmul(w)) < 1e-5);
  }
}

TEST_CASE("a changed weight is packed anew") {
  torch::manual_seed(2);
  for (const auto layout : kLayouts) {
    Linear layer(16, 16, true, layout);
    const auto x = torch::randn({4, 16});
    const auto is_right = [&] {
      const c10::InferenceMode guard;
      const auto result = layer->forward(x.to(layer->weight.scalar_type()));
      const auto expected = torch::linear(x, matrix(layer, layout).to(torch::kFloat), layer->bias.to(torch::kFloat));
      const bool exact = layer->weight.scalar_type() == torch::kFloat;
      return layer->packed_weight().packed() == can_pack() &&
             torch::allclose(result.to(torch::kFloat), expected, exact ? 1e-5 : 0.02, exact ? 1e-4 : 0.1);
    };
    CHECK(is_right());
    {
      const torch::NoGradGuard no_grad;
      layer->weight.copy_(torch::randn({16, 16}));
    }
    CHECK(is_right());
    {
      const c10::InferenceMode guard;
      layer->weight.mul_(3);
    }
    CHECK(is_right());

    // Neither torch::optim nor the fused kernels move the version counter.
    torch::optim::SGD sgd(layer->parameters(), 0.5);
    for (int step = 0; step < 4; ++step) {
      const auto loss = layer->forward(x).sum();
      if (step % 2 == 0) CHECK(is_right());  // packed between the forward pass and the step
      sgd.zero_grad(/*set_to_none=*/step < 2);
      loss.backward();
      sgd.step();
      CHECK(is_right());
    }
    layer->zero_grad();
    layer->forward(x).sum().backward();
    {
      const torch::NoGradGuard no_grad;
      const std::vector<torch::Tensor> values = {layer->weight}, gradients = {layer->weight.grad()};
      at::_fused_sgd_(values, gradients, {}, 0, 0, 0.5, 0, false, false, false);
    }
    CHECK(is_right());

    layer->to(torch::kBFloat16);
    CHECK(is_right());
    layer->to(torch::kFloat);  // the weights are rounded now; the old storage's address may be in use again
    CHECK(is_right());
    layer->weight.set_data(torch::randn({16, 16}));
    CHECK(is_right());

    const auto flat = torch::randn({300});
    layer->weight.set_data(flat.narrow(0, 0, 256).view({16, 16}));
    CHECK(is_right());
    layer->weight.set_data(flat.narrow(0, 16, 256).view({16, 16}));
    CHECK(is_right());
    layer->weight.set_data(flat.narrow(0, 16, 256).view({16, 16}).t());
    CHECK(is_right());

    // Another tensor on the same storage: its changes do not reach the weight's version by themselves.
    flat.mul_(2);
    torch::autograd::impl::bump_version(layer->weight);
    CHECK(is_right());
    flat.mul_(2);
    layer->eval();
    CHECK_FALSE(layer->packed_weight().packed());
    CHECK(is_right());
  }
}

TEST_CASE("one object may serve with another weight, layout and bias") {
  const torch::NoGradGuard no_grad;
  PackedWeight product;
  const auto a = torch::randn({8, 8}), b = torch::randn({8, 8}), x = torch::randn({2, 8}), bias = torch::randn({8});
  CHECK(test::max_difference(product.apply(x, a, {}), x.matmul(a.t())) < 1e-5);
  CHECK(test::max_difference(product.apply(x, a, bias, WeightLayout::kInOut), x.matmul(a) + bias) < 1e-5);
  CHECK(test::max_difference(product.apply(x, b, bias), x.matmul(b.t()) + bias) < 1e-5);
  CHECK(product.packed() == can_pack());
  product.clear();
  CHECK_FALSE(product.packed());
}

TEST_CASE("what is not thin, not allowed or not trackable is not packed") {
  Linear layer(8, 8);
  const auto packs = [&](const torch::Tensor& x) {
    const torch::NoGradGuard no_grad;
    layer->forward(x);
    return layer->packed_weight().packed();
  };
  CHECK_FALSE(packs(torch::randn({PackedWeight::kThinRows + 1, 8})));
  CHECK_FALSE(packs(torch::randn({8})));
  PackedWeight::set_enabled(false);
  CHECK_FALSE(PackedWeight::enabled());
  CHECK_FALSE(packs(torch::randn({2, 8})));
  PackedWeight::set_enabled(true);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  CHECK_FALSE(packs(torch::randn({2, 8})));
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  layer->to(torch::kDouble);
  CHECK_FALSE(packs(torch::randn({2, 8}, torch::kDouble)));
  layer->to(torch::kFloat);
  CHECK(packs(torch::randn({PackedWeight::kThinRows, 8})) == can_pack());

  const c10::InferenceMode guard;
  PackedWeight product;
  const auto weight = torch::randn({8, 8}), x = torch::randn({2, 8});
  REQUIRE(weight.is_inference());
  CHECK(test::max_difference(product.apply(x, weight, {}), x.matmul(weight.t())) < 1e-5);
  weight.mul_(2);
  CHECK(test::max_difference(product.apply(x, weight, {}), x.matmul(weight.t())) < 1e-5);
  CHECK_FALSE(product.packed());
}

TEST_CASE("the largest element of one row's product without the product") {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(8);
  constexpr std::int64_t kIn = 64, kOut = 70'000;  // beyond what caches hold
  Linear layer(kIn, kOut, /*with_bias=*/false);
  const auto x = torch::randn({1, kIn});
  const auto largest = [&](Linear& of) { return of->forward(x).argmax(-1).item<std::int64_t>(); };
  REQUIRE(layer->argmax(x));
  CHECK(*layer->argmax(x) == largest(layer));

  SECTION("a changed weight is noticed") {
    layer->weight.neg_();
    REQUIRE(layer->argmax(x));
    CHECK(*layer->argmax(x) == largest(layer));
    layer->to(torch::kBFloat16);
    CHECK_FALSE(layer->argmax(x));
    const auto token = layer->argmax(x.to(torch::kBFloat16));
    REQUIRE(token);
    CHECK(*token == layer->forward(x.to(torch::kBFloat16)).argmax(-1).item<std::int64_t>());
    layer->train(), layer->eval();
    CHECK(layer->argmax(x.to(torch::kBFloat16)) == token);
  }
  SECTION("what it is not for") {
    CHECK_FALSE(layer->argmax(torch::randn({2, kIn})));
    CHECK_FALSE(Linear(kIn, kOut, /*with_bias=*/true)->argmax(x));
    CHECK_FALSE(Linear(kIn, 100, /*with_bias=*/false)->argmax(x));
    CHECK_FALSE(Linear(2048, 2048, /*with_bias=*/false, WeightLayout::kInOut)->argmax(torch::randn({1, 2048})));
    {
      const torch::AutoGradMode grad(true);
      CHECK_FALSE(layer->argmax(x));
    }
    PackedWeight::set_enabled(false);
    CHECK_FALSE(layer->argmax(x));
    PackedWeight::set_enabled(true);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    CHECK_FALSE(layer->argmax(x));
    at::autocast::set_autocast_enabled(at::kCPU, false);
    CHECK(layer->argmax(x));
  }
  SECTION("given up where bounds tell nothing, tried again with other weights") {
    layer->weight.fill_(0.5);
    for (int i = 0; i < 20; ++i) CHECK_FALSE(layer->argmax(x));
    layer->weight.normal_();
    CHECK(layer->argmax(x));
  }
}

TEST_CASE("a wrong width is an error either way") {
  Linear layer(8, 4);
  CHECK_THROWS_AS(layer->forward(torch::randn({2, 7})), c10::Error);
  const c10::InferenceMode guard;
  CHECK_THROWS_AS(layer->forward(torch::randn({2, 7})), c10::Error);
}

TEST_CASE("threads may share a layer while its copy is being made") {
  for (int round = 0; round < 20; ++round) {
    Linear layer(64, 64);
    const auto x = torch::randn({4, 64});
    const auto expected = torch::linear(x, layer->weight.detach(), layer->bias.detach());
    double worst[2] = {1, 1};
    const auto work = [&](int i) {
      at::set_num_threads(1);
      const c10::InferenceMode guard;
      worst[i] = 0;
      for (int k = 0; k < 20; ++k) worst[i] = std::max(worst[i], test::max_difference(layer->forward(x), expected));
    };
    std::thread first(work, 0), second(work, 1);
    first.join();
    second.join();
    CHECK(worst[0] < 1e-5);
    CHECK(worst[1] < 1e-5);
  }
}

TEST_CASE("initial values follow torch.nn.Linear's rule") {
  Linear layer(100, 50);
  CHECK(layer->weight.abs().max().item<double>() <= 0.1);
  CHECK(std::abs(layer->weight.std().item<double>() - 0.1 / std::sqrt(3.0)) < 0.002);
  CHECK(layer->bias.abs().max().item<double>() <= 0.1);
}

}  // namespace
}  // namespace langzoo
