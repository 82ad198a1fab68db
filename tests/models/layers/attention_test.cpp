#include "tests/support/test.h"

#include <cmath>

#include "models/layers/attention.h"
#include "models/layers/masks.h"

namespace langzoo::test::attention_test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Heads {
  torch::Tensor q, k, v;
};

Heads random_heads(std::int64_t queries, std::int64_t keys, bool gradients = false) {
  torch::manual_seed(4);
  const auto options = torch::TensorOptions(torch::kFloat64).requires_grad(gradients);
  return {torch::randn({2, 3, queries, 8}, options), torch::randn({2, 3, keys, 8}, options),
          torch::randn({2, 3, keys, 8}, options)};
}

/// The definition, one query at a time.
torch::Tensor by_loops(const Heads& x, const torch::Tensor& bias, double scale, bool causal, std::int64_t window) {
  const auto queries = x.q.size(2), keys = x.k.size(2);
  auto out = torch::zeros_like(x.q);
  const auto full = bias.defined() ? bias.expand({2, 3, queries, keys}) : torch::zeros({2, 3, queries, keys});
  for (int b = 0; b < 2; ++b)
    for (int h = 0; h < 3; ++h)
      for (int i = 0; i < queries; ++i) {
        double total = 0;
        auto sum = torch::zeros({8}, torch::kFloat64);
        for (int j = 0; j < keys; ++j) {
          if (causal && j > i + keys - queries) continue;
          if (window > 0 && std::abs(j - (i + keys - queries)) >= window) continue;
          const double score = x.q[b][h][i].dot(x.k[b][h][j]).item<double>() * scale + full[b][h][i][j].item<double>();
          total += std::exp(score);
          sum += std::exp(score) * x.v[b][h][j];
        }
        if (total > 0) out[b][h][i].copy_(sum / total);
      }
  return out;
}

void check_both_paths(const Heads& x, AttendOptions options) {
  const auto expected =
      by_loops(x, options.bias, options.scale.value_or(1 / std::sqrt(8.0)), options.causal, options.window);
  const auto fast = attend(x.q, x.k, x.v, options);
  CHECK_FALSE(fast.weights.defined());
  CHECK(max_difference(fast.output, expected) < 1e-12);
  options.want_weights = true;
  const auto slow = attend(x.q, x.k, x.v, options);
  CHECK(max_difference(slow.output, expected) < 1e-12);
  CHECK(max_difference(slow.weights.matmul(x.v), expected) < 1e-12);
}

/// Padding as a batch has it: row 0 keeps all keys, row 1 loses the first `lost`.
torch::Tensor some_padding(std::int64_t keys, std::int64_t lost) {
  auto mask = torch::ones({2, keys}, torch::kInt64);
  mask[1].narrow(0, 0, lost).zero_();
  return padding_bias(mask, torch::kFloat64);
}

}  // namespace

TEST_CASE("attention is softmax(q k^T scale + bias) v on both paths") {
  check_both_paths(random_heads(5, 5), {});
  check_both_paths(random_heads(1, 1), {});
  check_both_paths(random_heads(3, 7), {.scale = 1.0});
  check_both_paths(random_heads(4, 6), {.bias = torch::randn({1, 3, 4, 6}, torch::kFloat64)});
  check_both_paths(random_heads(4, 6), {.bias = some_padding(6, 2)});
}

TEST_CASE("causal queries are aligned with the last keys") {
  check_both_paths(random_heads(5, 5), {.causal = true});
  check_both_paths(random_heads(3, 7), {.causal = true});
  check_both_paths(random_heads(1, 7), {.causal = true});
  check_both_paths(random_heads(5, 5), {.bias = some_padding(5, 2), .causal = true});
  check_both_paths(random_heads(3, 7), {.bias = some_padding(7, 6), .causal = true});
}

TEST_CASE("within a window queries see the keys that are near") {
  check_both_paths(random_heads(5, 5), {.causal = true, .window = 2});
  check_both_paths(random_heads(5, 5), {.window = 2});
  check_both_paths(random_heads(3, 7), {.causal = true, .window = 1});
  check_both_paths(random_heads(1, 7), {.causal = true, .window = 3});
  check_both_paths(random_heads(7, 3), {.window = 3});
  check_both_paths(random_heads(5, 5), {.bias = some_padding(5, 2), .causal = true, .window = 3});
  const auto x = random_heads(5, 5);
  CHECK_THROWS_AS(attend(x.q, x.k, x.v, {.window = -1}), std::invalid_argument);
}

TEST_CASE("a query that may see no key gets zeros, and its gradients are finite") {
  for (const bool want_weights : {false, true})
    for (const auto dtype : {torch::kFloat32, torch::kFloat64}) {
      auto x = random_heads(5, 5);
      for (auto* t : {&x.q, &x.k, &x.v}) *t = t->to(dtype).requires_grad_();
      const auto bias = some_padding(5, 5).to(dtype);
      const auto output = attend(x.q, x.k, x.v, {.bias = bias, .causal = true, .want_weights = want_weights}).output;
      CHECK(torch::equal(output[1], torch::zeros_like(output[1])));
      output.sum().backward();
      for (const auto& t : {x.q, x.k, x.v}) {
        CHECK(torch::isfinite(t.grad()).all().item<bool>());
        CHECK(torch::equal(t.grad()[1], torch::zeros_like(t.grad()[1])));
      }
    }
}

TEST_CASE("both paths have the same gradients") {
  std::vector<torch::Tensor> grads[2];
  for (const bool want_weights : {false, true}) {
    const auto x = random_heads(4, 6, /*gradients=*/true);
    auto output =
        attend(x.q, x.k, x.v, {.bias = some_padding(6, 2), .causal = true, .want_weights = want_weights}).output;
    grads[want_weights] = torch::autograd::grad({output.sin().sum()}, {x.q, x.k, x.v});
  }
  for (int i = 0; i < 3; ++i) CHECK(max_difference(grads[0][i], grads[1][i]) < 1e-12);
}

TEST_CASE("dropped weights keep their expectation") {
  const auto x = random_heads(2, 3);
  torch::manual_seed(5);
  constexpr std::int64_t kTimes = 2000;
  const auto repeated = [](const torch::Tensor& t) {
    return t.unsqueeze(0).expand({kTimes, 2, 3, -1, 8}).flatten(0, 1);
  };
  for (const bool want_weights : {false, true}) {
    const auto output =
        attend(repeated(x.q), repeated(x.k), repeated(x.v), {.dropout = 0.3, .want_weights = want_weights}).output;
    const auto runs = output.view({kTimes, 2, 3, 2, 8});
    CHECK(max_difference(runs[0], runs[1]) > 0.01);
    CHECK(max_difference(runs.mean(0), attend(x.q, x.k, x.v).output) < 0.1);
  }
}

TEST_CASE("masks become biases") {
  const auto mask = torch::tensor({{1, 1, 0}, {0, 1, 1}});
  const auto bias = padding_bias(mask, torch::kFloat32);
  CHECK(bias.sizes() == torch::IntArrayRef({2, 1, 1, 3}));
  CHECK(torch::equal(bias.flatten(), torch::tensor({0.0, 0.0, -kInf, -kInf, 0.0, 0.0}, torch::kFloat32)));
  CHECK(torch::equal(causal_bias(2, 3, torch::kFloat32),
                     torch::tensor({{0.0, 0.0, -kInf}, {0.0, 0.0, 0.0}}, torch::kFloat32)));
  CHECK(torch::equal(causal_bias(1, 3, torch::kFloat32), torch::zeros({1, 3})));
  CHECK(torch::equal(combine_biases(bias, {}), bias));
  CHECK(torch::equal(combine_biases({}, bias), bias));
  const auto both = combine_biases(bias, causal_bias(3, 3, torch::kFloat32));
  CHECK(both.sizes() == torch::IntArrayRef({2, 1, 3, 3}));
  CHECK(both[1][0][0].eq(-kInf).all().item<bool>());
  CHECK(torch::equal(positions_from_mask(torch::tensor({{0, 0, 1, 1, 1}, {1, 1, 1, 0, 0}, {0, 0, 0, 0, 0}})),
                     torch::tensor({{0, 0, 0, 1, 2}, {0, 1, 2, 0, 0}, {0, 0, 0, 0, 0}})));
}

}  // namespace langzoo::test::attention_test
