#include "tests/support/test.h"

#include <cmath>

#include "data/files/files.h"
#include "models/glove/glove.h"

namespace langzoo::glove_test {
namespace {

using Catch::Matchers::Contains;
using test::max_difference;

Glove make(std::int64_t words, std::int64_t dim, std::uint64_t seed = 1) {
  torch::manual_seed(seed);
  return Glove(GloveConfig{.vocab_size = words, .dim = dim});
}

}  // namespace

TEST_CASE("GloVe's parameters: names, shapes, first values") {
  const auto [words, dim] = GENERATE(std::pair{1, 1}, std::pair{7, 23}, std::pair{300, 100});
  const auto model = make(words, dim);
  const auto parameters = model->named_parameters(), buffers = model->named_buffers();
  REQUIRE(parameters.size() == 4);
  REQUIRE(buffers.size() == 4);
  for (const char* name : {"embeddings.weight", "context_embeddings.weight"})
    CHECK(parameters[name].sizes() == torch::IntArrayRef({words, dim}));
  for (const char* name : {"biases", "context_biases"}) CHECK(parameters[name].sizes() == torch::IntArrayRef({words}));
  for (const auto& parameter : parameters) {
    CHECK(parameter.value().abs().max().item<double>() <= 0.5 / static_cast<double>(dim));
    CHECK(parameter.value().abs().max().item<double>() > 0.0);
  }
  for (const char* name : {"embedding_squares", "context_embedding_squares"})
    CHECK(torch::equal(buffers[name], torch::ones({words, dim})));
  for (const char* name : {"bias_squares", "context_bias_squares"})
    CHECK(torch::equal(buffers[name], torch::ones({words})));
  if (words == 300) {
    // Uniform: the variance of U(-a, a) is a^2 / 3.
    CHECK(model->embeddings->weight.var().item<double>() == Approx(0.005 * 0.005 / 3).epsilon(0.03));
  }
  CHECK(torch::equal(make(words, dim)->embeddings->weight, model->embeddings->weight));
}

TEST_CASE("GloVe's weights") {
  const auto model = make(2, 2);
  const auto counts = torch::tensor({1.0f, 10.0f, 100.0f, 1000.0f});
  CHECK(max_difference(model->weights(counts), torch::tensor({0.031623f, 0.177828f, 1.0f, 1.0f})) < 1e-6);
}

TEST_CASE("GloVe's loss by hand and by loops") {
  auto model = make(3, 2);
  {
    const torch::NoGradGuard no_grad;
    model->embeddings->weight[1].copy_(torch::tensor({1.0f, 2.0f}));
    model->context_embeddings->weight[2].copy_(torch::tensor({0.5f, -1.0f}));
    model->biases[1] = 0.25f;
    model->context_biases[2] = 0.5f;
  }
  const auto index = [](std::int64_t i) { return torch::tensor({i}); };
  // The product is -1.5, with biases -0.75; of count e^2 the logarithm is 2: the difference is -2.75.
  const float count = std::exp(2.0f);
  CHECK(model->forward(index(1), index(2)).item<double>() == Approx(-0.75));
  const double weight = std::pow(count / 100.0, 0.75);
  const auto single = model->loss_sum(index(1), index(2), torch::tensor({count}));
  CHECK(single.dim() == 0);
  CHECK(single.item<double>() == Approx(0.5 * weight * 2.75 * 2.75).epsilon(1e-5));

  const auto rows = torch::tensor({0, 1, 1, 2, 1}), columns = torch::tensor({0, 2, 2, 1, 0});
  const auto counts = torch::tensor({3.0f, count, 500.0f, 0.1f, 100.0f});
  double sum = 0.0;
  for (std::int64_t i = 0; i < 5; ++i) {
    const auto row = rows[i].item<std::int64_t>(), column = columns[i].item<std::int64_t>();
    double difference = model->biases[row].item<double>() + model->context_biases[column].item<double>();
    for (std::int64_t c = 0; c < 2; ++c) {
      difference += model->embeddings->weight[row][c].item<double>() *
                    model->context_embeddings->weight[column][c].item<double>();
    }
    const double x = counts[i].item<double>();
    difference -= std::log(x);
    sum += 0.5 * std::min(1.0, std::pow(x / 100, 0.75)) * difference * difference;
  }
  CHECK(model->loss_sum(rows, columns, counts).item<double>() == Approx(sum).epsilon(1e-5));
  CHECK(model->loss_sum(rows.slice(0, 0, 0), columns.slice(0, 0, 0), counts.slice(0, 0, 0)).item<double>() == 0.0);
}

TEST_CASE("GloVe's gradient by finite differences") {
  auto model = make(4, 3, 5);
  model->to(torch::kFloat64);
  const auto rows = torch::tensor({0, 1, 3, 1, 2}), columns = torch::tensor({1, 1, 0, 2, 3});
  const auto counts = torch::tensor({2.0, 150.0, 0.3, 20.0, 99.0}, torch::kFloat64);
  const auto loss = [&] { return model->loss_sum(rows, columns, counts); };
  loss().backward();
  const double step = 1e-6;
  for (auto& item : model->named_parameters()) {
    CAPTURE(item.key());
    const torch::NoGradGuard no_grad;
    auto values = item.value().view(-1);
    const auto gradient = item.value().grad().view(-1);
    for (std::int64_t i = 0; i < values.size(0); ++i) {
      const double before = values[i].item<double>();
      values[i] = before + step;
      const double above = loss().item<double>();
      values[i] = before - step;
      const double below = loss().item<double>();
      values[i] = before;
      CHECK(gradient[i].item<double>() == Approx((above - below) / (2 * step)).margin(1e-6));
    }
  }
}

TEST_CASE("a GloVe vector is the sum of the word's and the context's") {
  const auto model = make(5, 4);
  const auto vectors = model->word_vectors();
  CHECK(vectors.sizes() == torch::IntArrayRef({5, 4}));
  CHECK_FALSE(vectors.requires_grad());
  CHECK(torch::equal(vectors[3], model->embeddings->weight[3] + model->context_embeddings->weight[3]));
}

TEST_CASE("a saved GloVe model is the same when read") {
  const test::TempDir dir;
  auto model = make(6, 5);
  {
    const torch::NoGradGuard no_grad;
    model->embedding_squares[2] = 7.5f;
    model->context_bias_squares[3] = 2.5f;
  }
  model->save_pretrained(dir.path());
  const auto again = from_pretrained<Glove>(dir.path());
  CHECK(write_fields(again->config()) == write_fields(model->config()));
  for (const auto& item : state_dict(*model)) CHECK(torch::equal(state_dict(*again)[item.key()], item.value()));
  CHECK(state_dict(*again).size() == 8);
}

TEST_CASE("GloVe's config: json and back, impossible fields named") {
  const GloveConfig config{.vocab_size = 9, .dim = 50, .x_max = 10.0, .alpha = 0.5};
  const auto again = config_from_json<GloveConfig>(write_fields(config), "config.json");
  CHECK(write_fields(again) == write_fields(config));
  CHECK(again.x_max == 10.0);
  const auto fails = [](const std::string& text, const std::string& message) {
    CHECK_THROWS_WITH(config_from_json<GloveConfig>(text, "here"), Contains("here") && Contains(message));
  };
  fails("{}", "vocab_size = 0");
  fails(R"({"vocab_size": 3, "dim": 0})", "dim: is 0, expected a whole number from 1 to 65536");
  fails(R"({"vocab_size": 3, "x_max": 0})", "x_max: is 0, expected a number above 0");
  fails(R"({"vocab_size": 3, "alpha": 1.5})", "alpha: is 1.5, expected a number from 0 to 1");
  fails(R"({"vocab_size": "three"})", "vocab_size");
  fails("[", "here");
  CHECK_THROWS_AS(Glove(GloveConfig{}), std::invalid_argument);
}

}  // namespace langzoo::glove_test
