#include "tests/support/test.h"

#include <cmath>

#include "models/layers/activations.h"

namespace langzoo::test {

TEST_CASE("activations are their formulas") {
  const auto x = torch::linspace(-4, 4, 33, torch::kFloat64);
  const auto check = [&](const char* name, auto formula) {
    INFO(name);
    const auto y = activate(x, activation_from_name(name));
    for (int i = 0; i < 33; ++i) CHECK(y[i].item<double>() == Approx(formula(x[i].item<double>())).margin(1e-12));
  };
  const auto gelu_tanh = [](double v) {
    return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
  };
  check("relu", [](double v) { return v > 0 ? v : 0.0; });
  check("gelu", [](double v) { return 0.5 * v * std::erfc(-v / std::sqrt(2.0)); });
  check("gelu_new", gelu_tanh);
  check("gelu_fast", gelu_tanh);
  check("gelu_pytorch_tanh", gelu_tanh);
  check("silu", [](double v) { return v / (1 + std::exp(-v)); });
  check("swish", [](double v) { return v / (1 + std::exp(-v)); });
  check("tanh", [](double v) { return std::tanh(v); });
  CHECK_THROWS_WITH(activation_from_name("gelo"), Catch::Contains("gelo") && Catch::Contains("gelu_new"));
}

}  // namespace langzoo::test
