#include "tests/support/test.h"

#include <torch/nn/modules/rnn.h>

#include "models/layers/projected_lstm.h"

namespace langzoo::test::projected_lstm_test {

namespace {

using Catch::Contains;
using torch::Tensor;

ProjectedLstm made(double cell_clip, double projection_clip, std::int64_t projection = 3) {
  torch::manual_seed(5);
  ProjectedLstm layer(ProjectedLstmOptions{4, 5, projection, cell_clip, projection_clip});
  const torch::NoGradGuard no_grad;
  for (const auto& parameter : layer->parameters()) parameter.normal_(0, 0.8);
  return layer;
}

/// The same layer in float64, which is computed step by step with autograd's own operators.
ProjectedLstm exact(const ProjectedLstm& layer) {
  ProjectedLstm copy(layer->options());
  copy->to(torch::kFloat64);
  const torch::NoGradGuard no_grad;
  for (const auto& item : layer->named_parameters()) copy->named_parameters()[item.key()].copy_(item.value());
  return copy;
}

/// A loss that reaches everything a layer gives.
Tensor loss_of(const ProjectedLstmOutput& result) {
  return result.output.square().sum() + 2 * result.state.hidden.sum() + result.state.cell.square().sum() * 0.5;
}

}  // namespace

TEST_CASE("without clipping a projected LSTM is torch.nn's with proj_size, parameters by name") {
  auto layer = made(0, 0);
  torch::nn::LSTM theirs(torch::nn::LSTMOptions(4, 5).proj_size(3));
  {
    const torch::NoGradGuard no_grad;
    theirs->named_parameters()["bias_hh_l0"].zero_();
    for (const auto& item : layer->named_parameters()) {
      INFO(item.key());
      REQUIRE(theirs->named_parameters().contains(item.key()));
      theirs->named_parameters()[item.key()].copy_(item.value());
    }
  }
  for (const std::int64_t rows : {1, 3}) {
    const auto x = torch::randn({6, rows, 4});
    const auto ours = layer(x);
    const auto [output, state] = theirs->forward(x);
    CHECK(max_difference(ours.output, output) < 1e-5);
    CHECK(max_difference(ours.state.hidden, std::get<0>(state)[0]) < 1e-5);
    CHECK(max_difference(ours.state.cell, std::get<1>(state)[0]) < 1e-5);
    layer->zero_grad(), theirs->zero_grad();
    ours.output.square().sum().backward();
    output.square().sum().backward();
    for (const auto& item : layer->named_parameters()) {
      INFO(item.key());
      CHECK(max_difference(item.value().grad(), theirs->named_parameters()[item.key()].grad()) < 2e-4);
    }
  }
}

TEST_CASE("clipping bounds cells and projected states; outputs and gradients are those of its equations") {
  for (const std::int64_t projection : {3, 0}) {
    auto layer = made(0.6, 0.3, projection);
    auto oracle = exact(layer);
    const auto P = layer->output_size();
    auto x = torch::randn({7, 2, 4}).requires_grad_();
    auto h = (torch::rand({2, P}) - 0.5).requires_grad_(), c = (torch::rand({2, 5}) - 0.5).requires_grad_();
    std::vector<Tensor> wide;
    for (const auto& part : {x, h, c}) wide.push_back(part.detach().to(torch::kFloat64).requires_grad_());
    const auto ours = layer->forward(x, {h, c});
    const auto theirs = oracle->forward(wide[0], {wide[1], wide[2]});
    CHECK(max_difference(ours.output.to(torch::kFloat64), theirs.output) < 1e-5);
    CHECK(ours.state.cell.abs().max().item<double>() <= 0.6 + 1e-6);
    CHECK(ours.state.cell.abs().eq(0.6F).any().item<bool>());
    if (projection > 0) CHECK(ours.output.abs().max().item<double>() == Approx(0.3));
    loss_of(ours).backward();
    loss_of(theirs).backward();
    for (const auto& item : layer->named_parameters()) {
      INFO(item.key());
      CHECK(max_difference(item.value().grad().to(torch::kFloat64), oracle->named_parameters()[item.key()].grad()) <
            2e-4);
    }
    CHECK(max_difference(x.grad().to(torch::kFloat64), wide[0].grad()) < 1e-4);
    CHECK(max_difference(h.grad().to(torch::kFloat64), wide[1].grad()) < 1e-4);
    CHECK(max_difference(c.grad().to(torch::kFloat64), wide[2].grad()) < 1e-4);
  }
}

TEST_CASE("a sequence read in pieces gives the states of one that is read at once") {
  auto layer = made(3, 3);
  const auto x = torch::randn({6, 2, 4});
  const auto whole = layer(x);
  const auto first = layer(x.narrow(0, 0, 1));
  const auto rest = layer(x.narrow(0, 1, 5), first.state);
  CHECK(max_difference(torch::cat({first.output, rest.output}), whole.output) < 1e-6);
  CHECK(max_difference(rest.state.cell, whole.state.cell) < 1e-6);
}

TEST_CASE("what a projected LSTM cannot be, or read, is refused") {
  CHECK_THROWS_WITH(ProjectedLstm(ProjectedLstmOptions{0, 5}), Contains("input_size = 0"));
  CHECK_THROWS_WITH(ProjectedLstm(ProjectedLstmOptions{4, 5, 3, -1}), Contains("cell_clip = -1"));
  auto layer = made(0, 0);
  CHECK_THROWS_WITH(layer(torch::zeros({2, 3})), Contains("must be (T,B,4)"));
  CHECK_THROWS_WITH(layer->forward(torch::zeros({2, 3, 4}), {torch::zeros({2, 3}), {}}), Contains("must be (3,3)"));
}

}  // namespace langzoo::test::projected_lstm_test
