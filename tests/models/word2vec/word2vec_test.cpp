#include "tests/support/test.h"

#include <cmath>

#include "models/registry.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {
namespace {

using test::max_difference;
using torch::Tensor;

Word2Vec random_model(const std::string& architecture, const std::string& objective, bool full_gradient,
                      torch::Dtype dtype = torch::kFloat64) {
  Word2VecConfig config;
  config.vocab_size = 7;
  config.architecture = architecture;
  config.objective = objective;
  config.dim = 5;
  config.full_input_gradient = full_gradient;
  torch::manual_seed(3);
  Word2Vec model(config);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.normal_(0, 0.7);
  model->to(dtype);
  return model;
}

/// Three examples: skip-gram has one input row each, CBOW up to three; unequal numbers of targets.
Word2VecBatch batch_for(const Word2VecConfig& config) {
  Word2VecBatch batch;
  batch.inputs = config.skip_gram() ? torch::tensor({{0}, {3}, {6}}, torch::kInt64)
                                    : torch::tensor({{0, 2, 2}, {3, -1, -1}, {6, 1, -1}}, torch::kInt64);
  if (config.objective == "softmax") {
    batch.targets = torch::tensor({{2}, {0}, {5}}, torch::kInt64);
  } else {
    batch.targets = torch::tensor({{2, 1, 1}, {4, -1, -1}, {5, 0, -1}}, torch::kInt64);
  }
  batch.labels = torch::tensor({{1., 0., 0.}, {1., 0., 0.}, {0., 1., 0.}}, torch::kFloat64);
  return batch;
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

/// The objective by loops over scalars.
double loss_by_hand(Word2Vec& model, const Word2VecBatch& batch) {
  const auto u = model->embeddings().accessor<double, 2>();
  const auto v = model->output().accessor<double, 2>();
  const auto inputs = batch.inputs.accessor<std::int64_t, 2>(), targets = batch.targets.accessor<std::int64_t, 2>();
  const auto labels = batch.labels.accessor<double, 2>();
  double loss = 0;
  for (std::int64_t b = 0; b < inputs.size(0); ++b) {
    std::vector<double> h(static_cast<std::size_t>(u.size(1)));
    double count = 0;
    for (std::int64_t w = 0; w < inputs.size(1); ++w) count += inputs[b][w] >= 0;
    for (std::int64_t w = 0; w < inputs.size(1); ++w) {
      for (std::int64_t c = 0; inputs[b][w] >= 0 && c < u.size(1); ++c)
        h[static_cast<std::size_t>(c)] += u[inputs[b][w]][c] / count;
    }
    const auto score = [&](std::int64_t row) {
      double dot = 0;
      for (std::int64_t c = 0; c < u.size(1); ++c) dot += h[static_cast<std::size_t>(c)] * v[row][c];
      return dot;
    };
    if (model->config().objective == "softmax") {
      double sum = 0;
      for (std::int64_t row = 0; row < v.size(0); ++row) sum += std::exp(score(row));
      loss += std::log(sum) - score(targets[b][0]);
      continue;
    }
    for (std::int64_t n = 0; n < targets.size(1); ++n) {
      if (targets[b][n] < 0) continue;
      const double x = score(targets[b][n]);
      loss -= std::log(sigmoid(labels[b][n] > 0.5 ? x : -x));
    }
  }
  return loss;
}

const std::vector<std::string> kArchitectures = {"skipgram", "cbow"}, kObjectives = {"ns", "hs", "softmax"};

TEST_CASE("each of the six objectives is the paper's sum, and its gradient that of finite differences") {
  for (const auto& architecture : kArchitectures) {
    for (const auto& objective : kObjectives) {
      INFO(architecture << " " << objective);
      auto model = random_model(architecture, objective, /*full_gradient=*/false);
      const auto batch = batch_for(model->config());
      const auto loss = model->loss_sum(batch);
      CHECK(loss.item<double>() == Approx(loss_by_hand(model, batch)).epsilon(1e-12));
      loss.backward();
      constexpr double kStep = 1e-6;
      const torch::NoGradGuard no_grad;
      for (auto& parameter : model->parameters()) {
        auto flat = parameter.flatten();
        const auto grad = parameter.grad().flatten();
        for (std::int64_t i = 0; i < flat.numel(); ++i) {
          const double old = flat[i].item<double>();
          flat[i] = old + kStep;
          const double above = loss_by_hand(model, batch);
          flat[i] = old - kStep;
          const double below = loss_by_hand(model, batch);
          flat[i] = old;
          CHECK(grad[i].item<double>() == Approx((above - below) / (2 * kStep)).margin(1e-7));
        }
      }
    }
  }
}

TEST_CASE("the full input gradient is the true one times the number of input rows; the loss stays") {
  auto exact = random_model("cbow", "ns", false), full = random_model("cbow", "ns", true);
  auto batch = batch_for(exact->config());
  batch.inputs = torch::tensor({{0, 1, 2}}, torch::kInt64);
  batch.targets = batch.targets.narrow(0, 0, 1);
  batch.labels = batch.labels.narrow(0, 0, 1);
  const auto a = exact->loss_sum(batch), b = full->loss_sum(batch);
  CHECK(a.item<double>() == b.item<double>());
  a.backward();
  b.backward();
  CHECK(max_difference(exact->embeddings().grad() * 3, full->embeddings().grad()) < 1e-14);
  CHECK(max_difference(exact->output().grad(), full->output().grad()) < 1e-14);
}

TEST_CASE("a new model has word2vec.c's first values") {
  Word2VecConfig config;
  config.vocab_size = 300;
  config.dim = 50;
  torch::manual_seed(1);
  const Word2Vec model(config);
  CHECK(model->embeddings().abs().max().item<double>() <= 0.01);
  CHECK(model->embeddings().abs().max().item<double>() > 0.0099);
  CHECK(model->embeddings().mean().item<double>() == Approx(0).margin(2e-4));
  CHECK(model->output().count_nonzero().item<std::int64_t>() == 0);
  CHECK(model->parameters().size() == 2);
  CHECK(model->forward(torch::tensor({{1, 2}, {3, -1}}, torch::kInt64)).sizes() == torch::IntArrayRef({2, 300}));
}

TEST_CASE("padding an example changes nothing, and a batch is the sum of its examples") {
  for (const auto& objective : kObjectives) {
    auto model = random_model("cbow", objective, true);
    const auto batch = batch_for(model->config());
    double sum = 0;
    for (std::int64_t b = 0; b < 3; ++b) {
      const auto inputs = batch.inputs[b].unsqueeze(0), targets = batch.targets[b].unsqueeze(0);
      const auto present = inputs.masked_select(inputs.ge(0)).unsqueeze(0);
      sum += model->loss_sum({present, targets, batch.labels[b].unsqueeze(0)}).item<double>();
    }
    CHECK(model->loss_sum(batch).item<double>() == Approx(sum).epsilon(1e-12));
  }
}

TEST_CASE("subwords compose known words and unknown ones") {
  Word2VecConfig config;
  config.vocab_size = 2;
  config.dim = 4;
  config.subwords = true;
  config.buckets = 50;
  torch::manual_seed(5);
  const Word2Vec model(config);
  const std::vector<std::string> words = {"cats", "dog"};
  const auto vectors = model->word_vectors(words);
  REQUIRE(vectors.sizes() == torch::IntArrayRef({2, 4}));
  auto sum = model->embeddings()[0].detach().clone();
  const auto buckets = config.subword_options().of("cats");
  for (const auto bucket : buckets) sum += model->embeddings()[2 + bucket].detach();
  CHECK(max_difference(vectors[0], sum / static_cast<double>(buckets.size() + 1)) < 1e-7);
  CHECK(model->subword_vector("cat").defined());
  CHECK(!model->subword_vector("").defined());
}

TEST_CASE("a saved model comes back") {
  const test::TempDir dir;
  const auto model = random_model("cbow", "hs", true, torch::kFloat32);
  model->save_pretrained(dir.path());
  const auto back = from_pretrained<Word2Vec>(dir.path());
  CHECK(write_fields(back->config()) == write_fields(model->config()));
  CHECK(max_difference(back->embeddings(), model->embeddings()) == 0);
  CHECK(max_difference(back->output(), model->output()) == 0);
  CHECK(registered_model(dir.path()).program == "langzoo-word2vec");
}

TEST_CASE("impossible configurations are named") {
  const auto broken = [](auto change) {
    Word2VecConfig config;
    config.vocab_size = 10;
    change(config);
    return [config] { return Word2Vec(config); };
  };
  using Config = Word2VecConfig;
  CHECK_THROWS_WITH(broken([](Config& c) { c.vocab_size = 1; })(), Catch::Contains("vocab_size = 1"));
  CHECK_THROWS_WITH(broken([](Config& c) { c.dim = 0; })(), Catch::Contains("dim = 0"));
  CHECK_THROWS_WITH(broken([](Config& c) { c.architecture = "glove"; })(),
                    Catch::Contains("architecture = \"glove\" must be one of skipgram, cbow"));
  CHECK_THROWS_WITH(broken([](Config& c) { c.negative = 0; })(), Catch::Contains("negative = 0"));
  CHECK_THROWS_WITH(broken([](Config& c) { c.subwords = true, c.min_n = 7; })(), Catch::Contains("min_n = 7"));
  CHECK_THROWS_WITH(config_from_json<Config>(R"({"vocab_size": 10, "dim": "wide"})", "here"),
                    Catch::Contains("here: dim"));
}

}  // namespace
}  // namespace langzoo
