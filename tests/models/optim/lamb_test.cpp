#include "tests/support/test.h"

#include <cmath>

#include "models/optim/adamw.h"
#include "models/optim/lamb.h"
#include "models/optim/optimizers.h"

namespace langzoo::test::lamb_test {

namespace {

/// A matrix, one of zeros, a bias, and a matrix that gets gradients in every other step only.
NamedTensors weights() {
  torch::manual_seed(3);
  NamedTensors named;
  const auto add = [&](const std::string& name, const torch::Tensor& value) {
    named.insert(name, value.to(torch::kFloat64).requires_grad_());
  };
  add("layer.weight", torch::randn({3, 5}));
  add("zero.weight", torch::zeros({2, 3}));
  add("layer.bias", torch::randn({5}));
  add("rare.weight", torch::randn({2, 2}));
  return named;
}

torch::Tensor gradient(const torch::Tensor& weight, int step) {
  const auto places = torch::arange(weight.numel(), torch::kFloat64).view_as(weight);
  return at::sin(places * 1.7 + step * 0.9) + 0.1 * step;
}

bool takes_part(const std::string& name, int step) {
  return name != "rare.weight" || step % 2 == 1;
}

void set_gradients(NamedTensors& named, int step) {
  for (const auto& [name, weight] : named.pairs()) {
    if (takes_part(name, step)) (weight * gradient(weight, step)).sum().backward();
  }
}

/// The two algorithms of their papers and released code, number by number.
struct Loop {
  const AdamOptions options;
  const bool lamb;
  std::vector<double> x, m, v;
  int steps = 0;

  void step(const std::vector<double>& g, double rate, bool matrix) {
    ++steps;
    m.resize(x.size()), v.resize(x.size());
    const double decay = matrix ? options.weight_decay : 0;
    std::vector<double> update(x.size());
    double length = 0, change = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      m[i] = options.beta1 * m[i] + (1 - options.beta1) * g[i];
      v[i] = options.beta2 * v[i] + (1 - options.beta2) * g[i] * g[i];
      const double mean = options.correct_bias ? m[i] / (1 - std::pow(options.beta1, steps)) : m[i];
      const double square = options.correct_bias ? v[i] / (1 - std::pow(options.beta2, steps)) : v[i];
      update[i] = mean / (std::sqrt(square) + options.epsilon) + decay * x[i];
      length += x[i] * x[i], change += update[i] * update[i];
    }
    const bool adapts = lamb && matrix && length > 0 && change > 0;
    const double factor = adapts ? std::sqrt(length) / std::sqrt(change) : 1;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] -= rate * factor * update[i];
  }
};

std::vector<double> values_of(const torch::Tensor& tensor) {
  const auto flat = tensor.detach().contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

template <class Optimizer>
void check_against_loop(const AdamOptions& options, bool lamb) {
  auto named = weights();
  std::map<std::string, Loop> loops;
  for (const auto& [name, weight] : named.pairs()) loops.emplace(name, Loop{options, lamb, values_of(weight), {}, {}});
  FlatParameters parameters(named);
  Optimizer optimizer(parameters, options);
  for (int step = 1; step <= 12; ++step) {
    parameters.zero_grad();
    set_gradients(named, step);
    optimizer.step(0.05, torch::tensor(2.0));
    for (const auto& [name, weight] : named.pairs()) {
      auto& loop = loops.at(name);
      if (takes_part(name, step)) loop.step(values_of(gradient(weight, step) / 2), 0.05, weight.dim() == 2);
      const auto now = values_of(weight);
      for (std::size_t i = 0; i < now.size(); ++i) {
        INFO(name << " " << i << " after step " << step);
        REQUIRE(now[i] == Approx(loop.x[i]).epsilon(1e-9).margin(1e-12));
      }
    }
  }
}

}  // namespace

TEST_CASE("LAMB is its algorithm, number by number, with the correction of the means and without") {
  const AdamOptions options{.beta1 = 0.9, .beta2 = 0.97, .epsilon = 1e-6, .weight_decay = 0.2};
  check_against_loop<Lamb>(options, true);
  auto uncorrected = options;
  uncorrected.correct_bias = false;
  check_against_loop<Lamb>(uncorrected, true);
}

TEST_CASE("AdamW without the correction of the means is BERT's optimizer") {
  check_against_loop<AdamW>(
      {.beta1 = 0.9, .beta2 = 0.97, .epsilon = 1e-6, .weight_decay = 0.2, .correct_bias = false}, false);
}

TEST_CASE("LAMB goes on from its saved state, and leaves out a step of infinite gradients") {
  const auto train = [](NamedTensors& named, FlatParameters& parameters, Optimizer& optimizer, int from, int to) {
    for (int step = from; step < to; ++step) {
      parameters.zero_grad();
      set_gradients(named, step);
      optimizer.step(0.02);
    }
  };
  auto whole = weights(), parts = weights();
  FlatParameters a(whole), b(parts);
  OptimizerOptions options;
  const auto uninterrupted = make_optimizer("lamb", a, options), first = make_optimizer("lamb", b, options);
  train(whole, a, *uninterrupted, 1, 7);
  train(parts, b, *first, 1, 4);
  NamedTensors saved;
  for (const auto& item : first->state_dict()) saved.insert(item.key(), item.value().clone());
  const auto second = make_optimizer("lamb", b, options);
  second->load_state_dict(saved);
  train(parts, b, *second, 4, 7);
  for (const auto& item : whole) CHECK(torch::equal(item.value(), parts[item.key()]));

  const auto before = whole["layer.weight"].detach().clone();
  uninterrupted->step(0.02, {}, torch::ones({}));
  CHECK(torch::equal(whole["layer.weight"], before));
}

}  // namespace langzoo::test::lamb_test
