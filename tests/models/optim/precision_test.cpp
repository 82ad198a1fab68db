#include "tests/support/test.h"

#include <ATen/autocast_mode.h>

#include "models/optim/adamw.h"
#include "models/optim/autocast.h"
#include "models/optim/clip.h"
#include "models/optim/ema.h"
#include "models/optim/grad_scaler.h"

namespace langzoo {

using test::max_difference;

namespace {

NamedTensors two_parameters() {
  NamedTensors parameters;
  parameters.insert("w", torch::full({2, 2}, 2.0f).requires_grad_());
  parameters.insert("b", torch::full({3}, 1.0f).requires_grad_());
  return parameters;
}

}  // namespace

TEST_CASE("Clipping scales to the norm, leaves small gradients and shows what is not finite") {
  auto parameters = two_parameters();
  const std::vector<torch::Tensor> list = {parameters["w"], parameters["b"]};
  CHECK(clip_grad_norm(list, 1.0).item<double>() == 0.0);
  parameters["w"].mutable_grad() = torch::full({2, 2}, 3.0f);
  parameters["b"].mutable_grad() = torch::full({3}, 4.0f);
  const double norm = std::sqrt(4 * 9.0 + 3 * 16.0);
  CHECK(clip_grad_norm(list, 100.0).item<double>() == Approx(norm));
  CHECK(max_difference(list[0].grad(), torch::full({2, 2}, 3.0f)) == 0.0);
  CHECK(clip_grad_norm(list, 0.5).item<double>() == Approx(norm));
  CHECK(max_difference(list[0].grad(), torch::full({2, 2}, 3.0 * 0.5 / norm)) < 1e-6);
  CHECK(clip_grad_norm(list, 100.0).item<double>() == Approx(0.5));
  list[1].mutable_grad()[1] = std::nan("");
  CHECK_FALSE(std::isfinite(clip_grad_norm(list, 0.5).item<double>()));
}

TEST_CASE("The gradient scaler unscales, backs off and grows") {
  auto tensors = two_parameters();
  FlatParameters parameters(tensors);
  GradScaler scaler(torch::kCPU, {1024.0, 2.0, 0.5, 2});
  const auto backward = [&](double factor) {
    parameters.zero_grad();
    (tensors["w"].sum() * factor * scaler.scale().squeeze()).backward();
  };
  backward(3.0);
  CHECK_FALSE(scaler.unscale(parameters));
  CHECK(max_difference(tensors["w"].grad(), torch::full({2, 2}, 3.0f)) == 0.0);
  scaler.update();
  CHECK(scaler.scale().item<float>() == 1024.0f);
  backward(3.0);
  CHECK_FALSE(scaler.unscale(parameters));
  scaler.update();  // the second in a row
  CHECK(scaler.scale().item<float>() == 2048.0f);
  backward(std::numeric_limits<double>::infinity());
  CHECK(scaler.unscale(parameters));
  scaler.update();
  CHECK(scaler.scale().item<float>() == 1024.0f);

  GradScaler other(torch::kCPU);
  other.load_state_dict(scaler.state_dict());
  CHECK(other.scale().item<float>() == 1024.0f);
  CHECK_THROWS_WITH(other.load_state_dict(NamedTensors()), Catch::Contains("scale is missing"));
}

TEST_CASE("The moving average follows its formula, changes places and comes back") {
  auto tensors = two_parameters();
  FlatParameters parameters(tensors);
  Ema ema(parameters, 0.15);
  double expected = 1.0;
  for (int n = 0; n < 6; ++n) {
    const double weight = 2.0 + n;
    {
      const torch::NoGradGuard no_grad;
      tensors["b"].fill_(weight);
    }
    ema.update();
    const double decay = std::min(0.15, (1.0 + n) / (10.0 + n));
    expected = decay * expected + (1 - decay) * weight;
  }
  const auto weights = tensors["b"].detach().clone();
  const auto version = tensors["b"]._version();
  {
    const Ema::Swap swap(ema);
    CHECK(max_difference(tensors["b"], torch::full({3}, expected)) < 1e-6);
    CHECK(max_difference(tensors["w"], torch::full({2, 2}, 2.0)) < 1e-6);
    CHECK(tensors["b"]._version() > version);
  }
  CHECK(max_difference(tensors["b"], weights) == 0.0);
  CHECK_THROWS_AS(
      [&] {
        const Ema::Swap swap(ema);
        throw std::runtime_error("evaluation failed");
      }(),
      std::runtime_error);
  CHECK(max_difference(tensors["b"], weights) == 0.0);

  auto others = two_parameters();
  FlatParameters other_parameters(others);
  Ema other(other_parameters, 0.15);
  other.load_state_dict(ema.state_dict());
  CHECK(other.state_dict()["updates"].item<std::int64_t>() == 6);
  CHECK(max_difference(other.state_dict()["average.b"], torch::full({3}, expected)) < 1e-6);
  CHECK_THROWS_WITH(other.load_state_dict(NamedTensors()), Catch::Contains("average.w"));
  CHECK_THROWS_AS(Ema(parameters, 1.0), std::invalid_argument);
}

TEST_CASE("The autocast guard nests, restores and drops cached casts") {
  const auto x = torch::ones({4, 4});
  auto w = torch::ones({4, 4}).requires_grad_();
  {
    const AutocastGuard guard(torch::kCPU, torch::kBFloat16);
    CHECK(at::mm(x, w).scalar_type() == torch::kBFloat16);
    {
      const AutocastGuard off(torch::kCPU, torch::kFloat32);
      CHECK(at::mm(x, w).scalar_type() == torch::kFloat32);
    }
    CHECK(at::mm(x, w).scalar_type() == torch::kBFloat16);
  }
  CHECK_FALSE(at::autocast::is_autocast_enabled(torch::kCPU));
  CHECK(at::mm(x, w).scalar_type() == torch::kFloat32);
  // A cast kept from before would still hold ones.
  {
    const torch::NoGradGuard no_grad;
    w.fill_(2.0);
  }
  const AutocastGuard guard(torch::kCPU, torch::kBFloat16);
  CHECK(at::mm(x, w)[0][0].item<float>() == 8.0f);
}

}  // namespace langzoo
