#include "tests/support/test.h"

#include <cmath>
#include <functional>

#include "models/ntm/ntm.h"
#include "models/registry.h"

namespace langzoo::test::ntm_test {

namespace {

using Catch::Contains;
using torch::Tensor;

NtmConfig small(const std::string& controller, std::int64_t read_heads = 1, std::int64_t write_heads = 1) {
  NtmConfig config;
  config.input_size = 4, config.output_size = 3;
  config.controller = controller;
  config.controller_size = 7;
  config.read_heads = read_heads, config.write_heads = write_heads;
  config.memory_rows = 19, config.memory_width = 5;  // a vector register and a rest
  return config;
}

/// With parameters of every kind of size, so that no gate is closed and no weight is even.
Ntm model_of(const NtmConfig& config, std::uint64_t seed = 1) {
  torch::manual_seed(seed);
  Ntm model(config);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.normal_(0, 0.5);
  return model;
}

Tensor inputs_of(std::int64_t steps, std::int64_t rows, std::int64_t width, std::uint64_t seed = 3) {
  torch::manual_seed(seed);
  return torch::rand({steps, rows, width}).round();
}

std::int64_t parameters_of(const torch::nn::Module& model) {
  std::int64_t count = 0;
  for (const auto& parameter : model.parameters()) count += parameter.numel();
  return count;
}

std::vector<std::pair<std::string, NtmConfig>> wirings() {
  auto wide = small("lstm");
  wide.shift_range = 4;
  auto still = small("feedforward");
  still.shift_range = 0;
  auto even = small("lstm", 2, 2);
  even.memory_rows = 16, even.memory_width = 16;
  return {{"lstm", small("lstm")},
          {"feed-forward", small("feedforward")},
          {"heads", small("lstm", 3, 2)},
          {"many writers", small("feedforward", 1, 3)},
          {"wide shifts", wide},
          {"no shifts", still},
          {"even", even}};
}

using Row = std::vector<double>;
Row row_of(const Tensor& x) {
  const auto flat = x.detach().to(torch::kFloat64).contiguous().view({-1});
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}
double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
Row times(const Linear& layer, const Row& x) {
  const auto w = row_of(layer->weight), b = row_of(layer->bias);
  Row y(b);
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t j = 0; j < x.size(); ++j) y[i] += w[i * x.size() + j] * x[j];
  }
  return y;
}

/// The paper's equations one number at a time: the logits of one sequence.
std::vector<Row> by_loops(Ntm& model, const Tensor& inputs) {
  const auto& config = model->config();
  const auto N = static_cast<std::size_t>(config.memory_rows), M = static_cast<std::size_t>(config.memory_width),
             C = static_cast<std::size_t>(config.controller_size), R = static_cast<std::size_t>(config.read_heads),
             W = static_cast<std::size_t>(config.write_heads), S = static_cast<std::size_t>(2 * config.shift_range + 1);
  auto memory = row_of(model->initial_memory), reads = row_of(model->initial_reads);
  Row hidden, cell;
  if (config.has_lstm()) hidden = row_of(model->initial_hidden), cell = row_of(model->initial_cell);
  const auto first = row_of(model->initial_weights);
  std::vector<Row> weights(R + W, Row(N));
  for (std::size_t h = 0; h < R + W; ++h) {
    double sum = 0;
    for (std::size_t i = 0; i < N; ++i) sum += weights[h][i] = std::exp(first[h * N + i]);
    for (auto& w : weights[h]) w /= sum;
  }
  std::vector<Row> logits;
  for (std::int64_t t = 0; t < inputs.size(0); ++t) {
    auto x = row_of(inputs[t][0]);
    x.insert(x.end(), reads.begin(), reads.end());
    if (config.has_lstm()) {
      x.insert(x.end(), hidden.begin(), hidden.end());
      const auto gates = times(model->controller, x);
      for (std::size_t j = 0; j < C; ++j) {
        cell[j] = sigmoid(gates[C + j]) * cell[j] + sigmoid(gates[j]) * std::tanh(gates[2 * C + j]);
        hidden[j] = sigmoid(gates[3 * C + j]) * std::tanh(cell[j]);
      }
    } else {
      hidden = times(model->controller, x);
      for (auto& h : hidden) h = std::tanh(h);
    }
    const auto told = times(model->interface, hidden);
    std::size_t at = 0;
    std::vector<Row> erases, adds;
    for (std::size_t h = 0; h < R + W; ++h) {
      const Row key(told.begin() + static_cast<std::ptrdiff_t>(at), told.begin() + static_cast<std::ptrdiff_t>(at + M));
      const double strength = std::log(1 + std::exp(told[at + M])), gate = sigmoid(told[at + M + 1]),
                   power = 1 + std::log(1 + std::exp(told[at + M + 2 + S]));
      Row content(N), gated(N), shifted(N), shift(S);
      double sum = 0, length = 0;
      for (const auto k : key) length += k * k;
      for (std::size_t i = 0; i < N; ++i) {
        double dot = 0, own = 0;
        for (std::size_t j = 0; j < M; ++j)
          dot += key[j] * memory[i * M + j], own += memory[i * M + j] * memory[i * M + j];
        sum += content[i] = std::exp(strength * dot / std::sqrt(length * own));
      }
      for (std::size_t i = 0; i < N; ++i) gated[i] = gate * content[i] / sum + (1 - gate) * weights[h][i];
      sum = 0;
      for (std::size_t s = 0; s < S; ++s) sum += shift[s] = std::exp(told[at + M + 2 + s]);
      for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = 0; j < N; ++j) {
          for (std::size_t s = 0; s < S; ++s) {
            if ((j + s + N - S / 2) % N == i) shifted[i] += gated[j] * shift[s] / sum;
          }
        }
      }
      sum = 0;
      for (std::size_t i = 0; i < N; ++i) sum += weights[h][i] = std::pow(shifted[i], power);
      for (auto& w : weights[h]) w /= sum;
      at += M + 3 + S;
      if (h < R) continue;
      Row erase(M), add(M);
      for (std::size_t j = 0; j < M; ++j) erase[j] = sigmoid(told[at + j]), add[j] = told[at + M + j];
      erases.push_back(erase), adds.push_back(add);
      at += 2 * M;
    }
    reads.assign(R * M, 0);
    for (std::size_t h = 0; h < R; ++h) {
      for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = 0; j < M; ++j) reads[h * M + j] += weights[h][i] * memory[i * M + j];
      }
    }
    for (std::size_t w = 0; w < W; ++w) {
      for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = 0; j < M; ++j) memory[i * M + j] *= 1 - weights[R + w][i] * erases[w][j];
      }
    }
    for (std::size_t w = 0; w < W; ++w) {
      for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = 0; j < M; ++j) memory[i * M + j] += weights[R + w][i] * adds[w][j];
      }
    }
    auto seen = hidden;
    seen.insert(seen.end(), reads.begin(), reads.end());
    logits.push_back(times(model->output, seen));
  }
  return logits;
}

/// Some number that depends on all logits.
Tensor loss_of(const Tensor& logits) {
  const auto places = torch::arange(logits.numel(), logits.options()).view_as(logits);
  return (logits * at::sin(places)).sum() + logits.square().sum() * 0.1;
}

}  // namespace

TEST_CASE("a Neural Turing Machine is the paper's equations, one number at a time") {
  for (const auto& [name, config] : wirings()) {
    INFO(name);
    auto model = model_of(config);
    const auto inputs = inputs_of(6, 1, config.input_size);
    const auto expected = by_loops(model, inputs);
    const torch::NoGradGuard no_grad;
    for (const auto& logits : {model->logits(inputs), model->stepwise_logits(inputs)}) {
      for (std::size_t t = 0; t < expected.size(); ++t) {
        const auto ours = row_of(logits[static_cast<std::int64_t>(t)][0]);
        for (std::size_t j = 0; j < ours.size(); ++j) REQUIRE(ours[j] == Approx(expected[t][j]).margin(3e-5));
      }
    }
  }
}

TEST_CASE("the loops on the CPU give what the tensor operations give, and every gradient") {
  for (const auto& [name, config] : wirings()) {
    INFO(name);
    auto model = model_of(config, 5), exact = model_of(config, 5);
    exact->to(torch::kFloat64);
    const auto inputs = inputs_of(9, 3, config.input_size).requires_grad_();
    const auto precise = inputs.detach().to(torch::kFloat64).requires_grad_();
    const auto ours = model->logits(inputs), theirs = exact->stepwise_logits(precise);
    CHECK(max_difference(ours, theirs) < 2e-5);
    loss_of(ours).backward();
    loss_of(theirs).backward();
    CHECK(max_difference(inputs.grad(), precise.grad()) < 1e-3 * precise.grad().abs().max().item<double>());
    const auto expected = exact->named_parameters();
    for (const auto& item : model->named_parameters()) {
      INFO(item.key());
      const auto& grad = expected[item.key()].grad();
      CHECK(max_difference(item.value().grad(), grad) < 1e-3 * (grad.abs().max().item<double>() + 1e-3));
      CHECK(grad.abs().max().item<double>() > 0);
    }
    // Nothing is kept for a backward pass, and nothing else changes.
    const torch::NoGradGuard no_grad;
    CHECK(max_difference(model->logits(inputs), ours) < 1e-5);
  }
}

TEST_CASE("the addressing's gradients are those of finite differences") {
  torch::manual_seed(7);
  const auto number = torch::TensorOptions(torch::kFloat64);
  const std::vector<Tensor> given = {torch::randn({2, 6, 3}, number),       torch::rand({2, 2, 6}, number).softmax(-1),
                                     torch::randn({2, 2, 3}, number),       torch::rand({2, 2, 1}, number) + 0.5,
                                     torch::rand({2, 2, 1}, number),        torch::randn({2, 2, 3}, number).softmax(-1),
                                     torch::rand({2, 2, 1}, number) * 3 + 1};
  const auto value = [](const std::vector<Tensor>& x) {
    return loss_of(
        ntm_address(x[0], x[1], {.key = x[2], .strength = x[3], .gate = x[4], .sharpening = x[6], .shift = x[5]})
            .sharpened);
  };
  auto leaves = given;
  for (auto& leaf : leaves) leaf = leaf.clone().requires_grad_();
  value(leaves).backward();
  for (std::size_t k = 0; k < given.size(); ++k) {
    const auto grad = leaves[k].grad().view({-1});
    for (std::int64_t i = 0; i < given[k].numel(); ++i) {
      constexpr double kStep = 1e-6;
      double change = 0;
      for (const double sign : {1.0, -1.0}) {
        auto moved = given;
        moved[k] = moved[k].clone();
        moved[k].view({-1})[i] += sign * kStep;
        change += sign * value(moved).item<double>();
      }
      REQUIRE(grad[i].item<double>() == Approx(change / (2 * kStep)).margin(1e-6).epsilon(1e-5));
    }
  }
}

TEST_CASE("weights are a distribution at every stage, and each stage does what it is for") {
  torch::manual_seed(11);
  const auto memory = torch::randn({3, 8, 4}, torch::kFloat64);
  const auto full = [](double x) { return torch::full({3, 2, 1}, x, torch::kFloat64); };
  const auto before = torch::randn({3, 2, 8}, torch::kFloat64).softmax(-1);
  HeadInterface heads{.key = torch::randn({3, 2, 4}, torch::kFloat64),
                      .strength = full(2),
                      .gate = full(0.3),
                      .sharpening = full(7),
                      .shift = torch::randn({3, 2, 3}, torch::kFloat64).softmax(-1)};
  auto stages = ntm_address(memory, before, heads);
  for (const auto& stage : {stages.content, stages.gated, stages.shifted, stages.sharpened}) {
    CHECK(max_difference(stage.sum(-1), torch::ones({3, 2}, torch::kFloat64)) < 1e-12);
    CHECK(stage.min().item<double>() >= 0);
  }
  // A closed gate, no shift and no sharpening leave the weights alone.
  heads.gate = full(0), heads.sharpening = full(1);
  heads.shift = torch::tensor({0.0, 1.0, 0.0}, torch::kFloat64).expand({3, 2, 3});
  CHECK(max_difference(ntm_address(memory, before, heads).sharpened, before) < 1e-12);
  // The last shift moves each weight to the place behind it, in a circle.
  heads.shift = torch::tensor({0.0, 0.0, 1.0}, torch::kFloat64).expand({3, 2, 3});
  const auto moved = ntm_address(memory, before, heads).sharpened;
  CHECK(max_difference(moved.narrow(-1, 1, 7), before.narrow(-1, 0, 7)) < 1e-12);
  CHECK(max_difference(moved.select(-1, 0), before.select(-1, 7)) < 1e-12);
  // A strong key finds its row, however long the row is; no memory at all is still a distribution.
  heads.gate = full(1), heads.strength = full(200);
  heads.key = memory.narrow(1, 5, 1).expand({3, 2, 4});
  const auto scaled = memory * torch::arange(1, 9, torch::kFloat64).view({1, 8, 1});
  CHECK(ntm_address(scaled, before, heads).content.argmax(-1).eq(5).all().item<bool>());
  CHECK(max_difference(ntm_address(memory * 0, before, heads).content, full(0.125).expand({3, 2, 8})) < 1e-12);
  // Sharpening that no power survives is the greatest weight.
  heads.gate = full(0), heads.sharpening = full(5000);
  CHECK(max_difference(ntm_address(memory, before, heads).sharpened.amax(-1), torch::ones({3, 2}, torch::kFloat64)) <
        1e-3);
}

TEST_CASE("rows are computed by themselves, and no step knows the ones after it") {
  for (const auto& [name, config] : wirings()) {
    INFO(name);
    auto model = model_of(config);
    const torch::NoGradGuard no_grad;
    const auto inputs = inputs_of(7, 4, config.input_size);
    const auto all = model->logits(inputs);
    CHECK(all.sizes() == torch::IntArrayRef({7, 4, 3}));
    CHECK(max_difference(model->logits(inputs.narrow(1, 2, 1)), all.narrow(1, 2, 1)) < 1e-5);
    CHECK(max_difference(model->logits(inputs.narrow(0, 0, 1)), all.narrow(0, 0, 1)) < 1e-5);
    auto other = inputs.clone();
    other[5] = 1 - other[5];
    const auto changed = model->logits(other);
    CHECK(max_difference(changed.narrow(0, 0, 5), all.narrow(0, 0, 5)) < 1e-6);
    CHECK(max_difference(changed.narrow(0, 5, 2), all.narrow(0, 5, 2)) > 1e-4);
    CHECK_THROWS_WITH(model->logits(inputs.narrow(2, 0, 3)), Contains("ntm: inputs must be (T,B,4)"));
    CHECK_THROWS_AS(model->logits(inputs.narrow(0, 0, 0)), std::invalid_argument);
  }
}

TEST_CASE("the sizes of the paper's copy task, of our wiring") {
  NtmConfig config;
  CHECK(parameters_of(*Ntm(config)) == 65'296);
  config.controller = "feedforward";
  CHECK(parameters_of(*Ntm(config)) == 16'096);
}

TEST_CASE("what went on in the memory can be looked at") {
  const auto config = small("lstm", 2, 1);
  auto model = model_of(config);
  const torch::NoGradGuard no_grad;
  const auto inputs = inputs_of(5, 1, config.input_size);
  NtmTrace trace;
  const auto logits = model->stepwise_logits(inputs, &trace);
  CHECK(torch::equal(trace.logits, logits.select(1, 0)));
  CHECK(trace.weights.sizes() == torch::IntArrayRef({5, 3, 19}));
  CHECK(trace.reads.sizes() == torch::IntArrayRef({5, 2, 5}));
  CHECK(trace.adds.sizes() == torch::IntArrayRef({5, 1, 5}));
  CHECK(trace.memory.sizes() == torch::IntArrayRef({19, 5}));
  CHECK(max_difference(trace.weights.sum(-1), torch::ones({5, 3})) < 1e-5);
}

TEST_CASE("a saved machine comes back, and impossible ones are refused") {
  const TempDir dir;
  auto model = model_of(small("feedforward", 2, 1));
  model->save_pretrained(dir.path());
  CHECK(registered_model(dir.path()).architecture == "NeuralTuringMachine");
  auto loaded = from_pretrained<Ntm>(dir.path());
  const torch::NoGradGuard no_grad;
  const auto inputs = inputs_of(4, 2, 4);
  CHECK(torch::equal(loaded->logits(inputs), model->logits(inputs)));
  const auto refused = [&](const std::function<void(NtmConfig&)>& change, const std::string& says) {
    auto config = small("lstm");
    change(config);
    CHECK_THROWS_WITH(Ntm(config), Contains(says));
  };
  refused([](NtmConfig& c) { c.controller = "gru"; }, "controller");
  refused([](NtmConfig& c) { c.read_heads = 0; }, "read_heads = 0");
  refused([](NtmConfig& c) { c.memory_rows = 2; }, "shift_range = 1 must be less than half of memory_rows = 2");
  refused([](NtmConfig& c) { c.shift_range = -1; }, "shift_range = -1");
}

}  // namespace langzoo::test::ntm_test
