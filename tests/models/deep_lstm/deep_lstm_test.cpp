#include "tests/support/test.h"

#include <torch/nn/modules/rnn.h>

#include "models/deep_lstm/deep_lstm.h"
#include "models/registry.h"

namespace langzoo::test::deep_lstm_test {

namespace {

using Catch::Contains;
using torch::Tensor;

DeepLstmConfig small() {
  DeepLstmConfig config;
  config.input_size = 4, config.output_size = 3, config.hidden_size = 6, config.layers = 3;
  return config;
}

/// LibTorch's cells, step by step and layer by layer.
Tensor by_cells(DeepLstm& model, const Tensor& inputs) {
  const auto& config = model->config();
  const auto B = inputs.size(1), C = config.hidden_size;
  std::vector<Tensor> hidden, cell, logits;
  for (std::int64_t i = 0; i < config.layers; ++i) {
    hidden.push_back(model->initial_hidden[i].expand({B, C}));
    cell.push_back(model->initial_cell[i].expand({B, C}));
  }
  for (std::int64_t t = 0; t < inputs.size(0); ++t) {
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      const auto weights = model->layers[i]->named_parameters();
      const auto x = i == 0 ? inputs[t] : at::cat({inputs[t], hidden[i - 1]}, 1);
      const auto gates = (at::linear(x, weights["weight_ih_l0"], weights["bias_ih_l0"]) +
                          at::linear(hidden[i], weights["weight_hh_l0"]))
                             .chunk(4, 1);
      cell[i] = gates[1].sigmoid() * cell[i] + gates[0].sigmoid() * gates[2].tanh();
      hidden[i] = gates[3].sigmoid() * cell[i].tanh();
    }
    logits.push_back(at::linear(at::cat(hidden, 1), model->output->weight, model->output->bias));
  }
  return at::stack(logits);
}

}  // namespace

TEST_CASE("each layer of a deep LSTM sees the input, and the output sees each layer") {
  torch::manual_seed(2);
  DeepLstm model(small());
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters()) parameter.normal_(0, 0.5);
  }
  const auto inputs = torch::rand({5, 2, 4}).round();
  const auto ours = model->logits(inputs), theirs = by_cells(model, inputs);
  CHECK(max_difference(ours, theirs) < 1e-5);
  const auto gradients = [&](const Tensor& logits) {
    const auto parameters = model->parameters();
    const auto places = torch::arange(logits.numel()).view_as(logits).to(torch::kFloat32);
    return torch::autograd::grad({(logits * at::sin(places)).sum()}, parameters);
  };
  const auto a = gradients(ours), b = gradients(theirs);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(max_difference(a[i], b[i]) < 1e-4);
  const torch::NoGradGuard no_grad;
  CHECK(max_difference(model->logits(inputs.narrow(1, 1, 1)), ours.narrow(1, 1, 1)) < 1e-5);
  CHECK_THROWS_WITH(model->logits(inputs.narrow(2, 0, 2)), Contains("deep-lstm: inputs must be (T,B,4)"));
}

TEST_CASE("three layers of 256 with 10 inputs and 9 outputs are the paper's 1,352,969 parameters") {
  DeepLstmConfig config;
  config.input_size = 10, config.output_size = 9;
  const auto count = [](const DeepLstmConfig& of) {
    std::int64_t all = 0;
    for (const auto& parameter : DeepLstm(of)->parameters()) all += parameter.numel();
    return all;
  };
  CHECK(count(config) == 1'352'969);
  // Likewise its associative recall, 6 bits and two delimiters; and repeat copy, 6 bits, delimiter, number, end marker.
  config.input_size = 8, config.output_size = 6;
  CHECK(count(config) == 1'344'518);
  config.output_size = 7, config.hidden_size = 512;
  CHECK(count(config) == 5'312'007);
  config.layers = 0;
  CHECK_THROWS_WITH(DeepLstm(config), Contains("layers = 0"));
}

TEST_CASE("a saved deep LSTM comes back") {
  const TempDir dir;
  torch::manual_seed(4);
  DeepLstm model(small());
  model->save_pretrained(dir.path());
  CHECK(registered_model(dir.path()).architecture == "DeepLSTM");
  const torch::NoGradGuard no_grad;
  const auto inputs = torch::rand({3, 1, 4});
  CHECK(torch::equal(from_pretrained<DeepLstm>(dir.path())->logits(inputs), model->logits(inputs)));
}

}  // namespace langzoo::test::deep_lstm_test
