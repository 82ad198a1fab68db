#include "tests/support/test.h"

#include <cmath>
#include <limits>

#include "data/random/random.h"
#include "models/glove/glove_trainer.h"
#include "models/io/safetensors.h"
#include "models/io/state_dict.h"

namespace langzoo::glove_trainer_test {
namespace {

using Catch::Matchers::Contains;
using test::max_difference;
using torch::Tensor;

Glove make(std::int64_t words, std::int64_t dim, std::uint64_t seed = 1) {
  torch::manual_seed(seed);
  return Glove(GloveConfig{.vocab_size = words, .dim = dim});
}

Glove copy(const Glove& model) {
  Glove result(model->config());
  load_state_dict(*result, state_dict(*model));
  return result;
}

/// The largest difference of two tensors of the models, in units of the value where that is above 1.
double max_difference(const Glove& a, const Glove& b) {
  double largest = 0.0;
  for (const auto& item : state_dict(*a)) {
    const auto scale = item.value().abs().clamp_min(1.0);
    largest = std::max(largest, test::max_difference(state_dict(*b)[item.key()] / scale, item.value() / scale));
  }
  return largest;
}

std::vector<GloveEntry> random_entries(std::int64_t words, std::int64_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<GloveEntry> entries;
  for (std::int64_t i = 0; i < n; ++i) {
    entries.push_back({static_cast<std::int32_t>(random.below(words)), static_cast<std::int32_t>(random.below(words)),
                       static_cast<float>(std::exp(8.0 * random.uniform() - 3.0))});
  }
  return entries;
}

GloveProgress train(const Glove& model, const std::vector<GloveEntry>& entries, std::int64_t passes = 1,
                    double learning_rate = 0.05) {
  return GloveTrainer(model).train(
      0, passes, learning_rate, [&](auto, auto& block) { block = entries; }, 1);
}

/// The rule of glove.c, one number after the other, in float64.
double naive_step(const GloveImpl& model, const GloveEntry& entry, double learning_rate) {
  const auto [row, column, count] = entry;
  const auto double_of = [](const Tensor& x) { return x.item<double>(); };
  const auto w = model.embeddings->weight[row], c = model.context_embeddings->weight[column];
  const auto w_squares = model.embedding_squares[row], c_squares = model.context_embedding_squares[column];
  double difference = double_of(model.biases[row]) + double_of(model.context_biases[column]) - std::log(count);
  for (std::int64_t i = 0; i < w.size(0); ++i) difference += double_of(w[i]) * double_of(c[i]);
  const double error = std::min(1.0, std::pow(count / 100.0, 0.75)) * difference;
  for (std::int64_t i = 0; i < w.size(0); ++i) {
    const double w_step = std::clamp(error * double_of(c[i]), -100.0, 100.0) * learning_rate;
    const double c_step = std::clamp(error * double_of(w[i]), -100.0, 100.0) * learning_rate;
    w[i] -= w_step / std::sqrt(double_of(w_squares[i]));
    c[i] -= c_step / std::sqrt(double_of(c_squares[i]));
    w_squares[i] += w_step * w_step;
    c_squares[i] += c_step * c_step;
  }
  model.biases[row] -= error / std::sqrt(double_of(model.bias_squares[row]));
  model.context_biases[column] -= error / std::sqrt(double_of(model.context_bias_squares[column]));
  model.bias_squares[row] += error * error;
  model.context_bias_squares[column] += error * error;
  return 0.5 * error * difference;
}

}  // namespace

TEST_CASE("GloVe's trainer follows its C program") {
  const auto golden = load_safetensors(test::fixture("glove/golden.safetensors"));
  const auto words = golden["before.embeddings"].size(0), dim = golden["before.embeddings"].size(1);
  const auto model = make(words, dim);
  // A module's own tensors, then AdaGrad's sums, by the fixture's names.
  const std::vector<std::pair<std::string, Tensor>> parameters = {
      {"embeddings", model->embeddings->weight},
      {"biases", model->biases},
      {"context_embeddings", model->context_embeddings->weight},
      {"context_biases", model->context_biases}};
  const std::vector<std::pair<std::string, Tensor>> squares = {{"embeddings", model->embedding_squares},
                                                               {"biases", model->bias_squares},
                                                               {"context_embeddings", model->context_embedding_squares},
                                                               {"context_biases", model->context_bias_squares}};
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : parameters) tensor.copy_(golden["before." + name]);
  for (const auto& [name, tensor] : squares) tensor.copy_(golden["before_squares." + name]);
  std::vector<GloveEntry> entries;
  for (std::int64_t i = 0; i < golden["rows"].size(0); ++i) {
    entries.push_back({golden["rows"][i].item<std::int32_t>(), golden["columns"][i].item<std::int32_t>(),
                       golden["counts"][i].item<float>()});
  }
  train(model, entries, 2);
  for (const auto& [name, tensor] : parameters) {
    CAPTURE(name);
    CHECK(torch::allclose(tensor, golden["after." + name], 1e-4, 1e-5));
  }
  for (const auto& [name, tensor] : squares) {
    CAPTURE(name);
    CHECK(torch::allclose(tensor, golden["after_squares." + name], 1e-4, 1e-5));
  }
}

TEST_CASE("a step of GloVe's trainer equals plain loops") {
  const std::int64_t dim = GENERATE(1, 3, 4, 16, 23, 100);
  CAPTURE(dim);
  const auto fast = make(5, dim), slow = copy(fast);
  const torch::NoGradGuard no_grad;
  auto entries = random_entries(5, 6, 11);
  entries.push_back({2, 2, 100.0f});  // a word beside itself: two tables, no clash
  for (const auto& entry : entries) {
    const auto progress = train(fast, {entry});
    CHECK(progress.entries == 1);
    CHECK(progress.loss_sum == Approx(naive_step(*slow, entry, 0.05)).epsilon(1e-5));
    CHECK(max_difference(fast, slow) < 1e-5);
  }
}

TEST_CASE("GloVe's trainer follows autograd's gradient") {
  const auto model = make(4, 19), before = copy(model);
  const GloveEntry entry{1, 3, 42.0f};
  const auto loss = before->loss_sum(torch::tensor({1}), torch::tensor({3}), torch::tensor({42.0f}));
  loss.backward();
  // All sums are 1: a step is the gradient, that of vectors times the learning rate.
  const auto progress = train(model, {entry}, 1, 0.05);
  CHECK(progress.loss_sum == Approx(loss.item<double>()).epsilon(1e-5));
  const torch::NoGradGuard no_grad;
  const auto parameters = before->named_parameters();
  for (const auto& item : model->named_parameters()) {
    CAPTURE(item.key());
    const auto& old = parameters[item.key()];
    const double rate = old.dim() == 2 ? 0.05 : 1.0;
    CHECK(max_difference(item.value(), old - rate * old.grad()) < 1e-6);
    CHECK(old.grad().abs().max().item<double>() > 1e-3);
  }
}

TEST_CASE("gradients of GloVe's vectors are clipped") {
  auto model = make(2, 20);
  const torch::NoGradGuard no_grad;
  model->context_embeddings->weight[1].fill_(300.0f);
  model->embeddings->weight[0].fill_(0.1f);
  const auto slow = copy(model);
  const GloveEntry entry{0, 1, 500.0f};
  train(model, {entry});
  naive_step(*slow, entry, 0.05);
  CHECK(max_difference(model, slow) < 1e-5);
  // The limit of 100 times the learning rate.
  CHECK(max_difference(model->embeddings->weight[0], torch::full({20}, 0.1 - 5.0)) < 1e-4);
}

TEST_CASE("entries whose loss is not finite leave no trace") {
  auto model = make(3, 20);
  const torch::NoGradGuard no_grad;
  model->embeddings->weight[1][7] = std::numeric_limits<float>::quiet_NaN();
  model->context_embeddings->weight[2].fill_(3e38f);
  const auto before = copy(model);
  CHECK(train(model, {{1, 0, 5.0f}, {0, 2, 5.0f}}).not_finite == 2);
  for (const auto& item : state_dict(*model)) {
    CAPTURE(item.key());
    const auto old = state_dict(*before)[item.key()];
    CHECK(torch::allclose(item.value(), old, 0.0, 0.0, /*equal_nan=*/true));
  }
  train(model, {{0, 0, 5.0f}});
  CHECK_FALSE(torch::equal(model->embeddings->weight[0], before->embeddings->weight[0]));
}

TEST_CASE("one thread gives the same bits, resumed or not") {
  const auto blocks = std::vector{random_entries(30, 200, 1), random_entries(30, 1, 2), std::vector<GloveEntry>{},
                                  random_entries(30, 77, 3)};
  const auto read = [&](std::int64_t block, auto& entries) { entries = blocks[static_cast<std::size_t>(block)]; };
  const auto whole = make(30, 17), parts = make(30, 17);
  const auto progress = GloveTrainer(whole).train(0, 4, 0.05, read, 1);
  CHECK(progress.entries == 278);

  const test::TempDir dir;
  auto first = GloveTrainer(parts).train(0, 1, 0.05, read, 1);
  parts->save_pretrained(dir.path());
  const auto resumed = from_pretrained<Glove>(dir.path());
  const auto second = GloveTrainer(resumed).train(1, 4, 0.05, read, 1);
  CHECK(first.loss_sum + second.loss_sum == Approx(progress.loss_sum).epsilon(1e-12));
  CHECK(max_difference(whole, resumed) == 0.0);
}

TEST_CASE("every block is trained on once whatever the threads") {
  const int threads = GENERATE(1, 2, 5);
  const auto model = make(50, 16);
  std::vector<std::atomic<int>> reads(40);
  const auto read = [&](std::int64_t block, auto& entries) {
    ++reads[static_cast<std::size_t>(block)];
    entries = random_entries(50, 10 + block, 1);
  };
  const auto progress = GloveTrainer(model).train(3, 40, 0.05, read, threads);
  std::int64_t expected = 0;
  for (std::int64_t block = 0; block < 40; ++block) {
    CHECK(reads[static_cast<std::size_t>(block)] == (block >= 3 ? 1 : 0));
    if (block >= 3) expected += 10 + block;
  }
  CHECK(progress.entries == expected);
  CHECK(GloveTrainer(model).train(7, 7, 0.05, read, threads).entries == 0);
}

TEST_CASE("GloVe learns counts that its form can express") {
  const int threads = GENERATE(1, 2);
  const std::int64_t words = 40, rank = 4;
  torch::manual_seed(3);
  const auto logs = torch::randn({words, rank}).matmul(torch::randn({rank, words})) + torch::randn({words, 1}) + 3;
  const auto counts = logs.clamp(-2.0, 6.0).exp().contiguous();
  std::vector<GloveEntry> entries;
  for (std::int32_t i = 0; i < words; ++i) {
    for (std::int32_t j = 0; j < words; ++j) entries.push_back({i, j, counts[i][j].item<float>()});
  }
  const auto model = make(words, 24);
  const auto all = torch::arange(words);
  const auto loss = [&] {
    return model->loss_sum(all.repeat_interleave(words), all.repeat({words}), counts.view(-1)).item<double>();
  };
  const double before = loss();
  double last = std::numeric_limits<double>::max();
  for (int pass = 0; pass < 30; ++pass) {
    const auto read = [&](std::int64_t block, auto& part) {
      part.assign(entries.begin() + block * 400, entries.begin() + (block + 1) * 400);
    };
    const auto sum = GloveTrainer(model).train(0, 4, 0.05, read, threads).loss_sum;
    CHECK(sum < last);
    last = sum;
  }
  CHECK(loss() < 0.02 * before);
}

TEST_CASE("what cannot be trained on is named") {
  const auto model = make(4, 8), before = copy(model);
  const auto fails = [&](GloveEntry entry, const std::string& message) {
    CHECK_THROWS_WITH(train(model, {entry}), Contains(message));
  };
  fails({4, 0, 1.0f}, "(4, 0) among 4 words");
  fails({0, -1, 1.0f}, "(0, -1)");
  fails({0, 0, 0.0f}, "0 at (0, 0)");
  fails({0, 0, -2.0f}, "-2 at (0, 0)");
  fails({0, 0, std::numeric_limits<float>::quiet_NaN()}, "nan at (0, 0)");
  fails({0, 0, std::numeric_limits<float>::infinity()}, "inf at (0, 0)");
  CHECK(max_difference(model, before) == 0.0);

  const auto broken = [](std::int64_t block, auto& entries) {
    if (block == 2) throw std::runtime_error("the disk is gone");
    entries = {{0, 1, 2.0f}};
  };
  CHECK_THROWS_WITH(GloveTrainer(model).train(0, 100, 0.05, broken, 2), "the disk is gone");
  CHECK(GloveTrainer(model).train(0, 2, 0.05, broken, 2).entries == 2);

  auto wrong = make(4, 8);
  wrong->to(torch::kFloat64);
  CHECK_THROWS_WITH(train(wrong, {{0, 1, 2.0f}}), Contains("embeddings.weight must be float32"));
}

}  // namespace langzoo::glove_trainer_test
