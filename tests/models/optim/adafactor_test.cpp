#include "tests/support/test.h"

#include <cmath>

#include "models/io/safetensors.h"
#include "models/optim/adafactor.h"
#include "models/optim/clip.h"
#include "models/optim/optimizers.h"

namespace langzoo::adafactor_test {
namespace {

using test::max_difference;
using Matrix = std::vector<std::vector<double>>;

NamedTensors parameters_of(const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes,
                           std::uint64_t seed, torch::ScalarType dtype = torch::kFloat32) {
  torch::manual_seed(seed);
  NamedTensors parameters;
  for (const auto& [name, shape] : shapes) parameters.insert(name, torch::randn(shape).to(dtype).requires_grad_());
  return parameters;
}

void give_gradients(NamedTensors& parameters, std::uint64_t seed) {
  torch::manual_seed(seed);
  for (auto& item : parameters) {
    const auto grad = torch::randn(item.value().sizes()) * torch::rand(item.value().sizes()).pow(3);
    item.value().mutable_grad() = grad.to(item.value().dtype());
  }
}

double rms(const Matrix& x) {
  double sum = 0, count = 0;
  for (const auto& row : x)
    for (const double value : row) sum += value * value, ++count;
  return std::sqrt(sum / count);
}

Matrix matrix_of(const torch::Tensor& x) {
  const auto wide = x.detach().to(torch::kFloat64).contiguous();
  Matrix matrix;
  for (std::int64_t i = 0; i < wide.size(0); ++i) {
    const auto* row = wide.data_ptr<double>() + i * wide.size(1);
    matrix.emplace_back(row, row + wide.size(1));
  }
  return matrix;
}

/// The paper's algorithm 4, sum by sum.
struct Loop {
  std::vector<double> row, column;
  int t = 0;

  void step(Matrix& x, const Matrix& g, double rate, const AdafactorOptions& o, double decay) {
    const auto n = x.size(), m = x[0].size();
    row.resize(n), column.resize(m);
    const double beta2 = 1 - std::pow(++t, o.decay_rate);
    double row_mean = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < m; ++j) sum += g[i][j] * g[i][j] + o.eps1;
      row[i] = beta2 * row[i] + (1 - beta2) * sum / static_cast<double>(m);
      row_mean += row[i] / static_cast<double>(n);
    }
    for (std::size_t j = 0; j < m; ++j) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += g[i][j] * g[i][j] + o.eps1;
      column[j] = beta2 * column[j] + (1 - beta2) * sum / static_cast<double>(n);
    }
    auto update = g;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < m; ++j) update[i][j] /= std::sqrt(row[i] * column[j] / row_mean);
    const double clip = std::max(1.0, rms(update) / o.clip_threshold);
    double alpha = o.relative_step ? std::min(rate, 1 / std::sqrt(t)) : rate;
    if (o.scale_parameter) alpha *= std::max(o.eps2, rms(x));
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < m; ++j) x[i][j] = x[i][j] * (1 - alpha * decay) - alpha * update[i][j] / clip;
  }
};

double difference(const Matrix& expected, const torch::Tensor& ours) {
  double largest = 0;
  const auto values = matrix_of(ours);
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = 0; j < values[i].size(); ++j)
      largest = std::max(largest, std::abs(values[i][j] - expected[i][j]));
  return largest;
}

}  // namespace

TEST_CASE("Adafactor's steps of matrices are the paper's, sum by sum") {
  struct Case {
    std::int64_t rows, columns;
    AdafactorOptions options;
    double rate, decay;
  };
  for (const auto& [rows, columns, options, rate, decay] : std::vector<Case>{
           {3, 5, {.min_dim_size_to_factor = 1}, 1e-2, 0},
           {150, 37, {.min_dim_size_to_factor = 1}, 1e-2, 0.2},
           {64, 16, {.scale_parameter = false, .min_dim_size_to_factor = 1}, 0.3, 0},
           {1, 200, {.clip_threshold = 0.3, .relative_step = false, .min_dim_size_to_factor = 1}, 0.1, 0}}) {
    CAPTURE(rows, columns);
    auto named = parameters_of({{"weight", {rows, columns}}}, 1);
    FlatParameters parameters(named);
    Adafactor optimizer(parameters, options, decay);
    auto expected = matrix_of(named["weight"]);
    Loop loop;
    for (int step = 0; step < 5; ++step) {
      parameters.zero_grad();
      give_gradients(named, 10 + static_cast<std::uint64_t>(step));
      loop.step(expected, matrix_of(named["weight"].grad()), rate, options, decay);
      optimizer.step(rate);
    }
    CHECK(difference(expected, named["weight"]) < 2e-6);
  }
}

TEST_CASE("Adafactor agrees with transformers' after several steps") {
  const auto golden = load_safetensors(test::fixture("optim/adafactor.safetensors"));
  struct Case {
    std::string name;
    double rate;
    AdafactorOptions options;
    double decay = 0;
  };
  for (auto [name, rate, options, decay] : std::vector<Case>{
           {"paper", 1e-2, {}},
           {"warmup", 0, {}},
           {"t5_finetuning", 1e-3, {.relative_step = false}},
           {"momentum", 3e-3, {.relative_step = false, .beta1 = 0.9}, 0.1},
           {"absolute",
            2e-3,
            {.decay_rate = -0.5, .clip_threshold = 0.5, .scale_parameter = false, .relative_step = false}}}) {
    CAPTURE(name);
    options.min_dim_size_to_factor = 1;
    NamedTensors named;
    for (const auto* parameter : {"matrix", "stack", "wide", "vector"}) {
      named.insert(parameter, golden[name + ".before." + parameter].clone().requires_grad_());
    }
    // transformers has one weight decay for vectors too.
    FlatParameters parameters(named, {{.pattern = "*", .weight_decay = decay}});
    Adafactor optimizer(parameters, options);
    for (int step = 0; step < 4; ++step) {
      parameters.zero_grad();
      for (auto& item : named)
        item.value().mutable_grad() = golden[name + ".grad." + std::to_string(step) + "." + item.key()].clone();
      optimizer.step(name == "warmup" ? 1e-6 * (step + 1) : rate);  // the schedule's warm-up of 10,000 steps
    }
    for (const auto& item : named) {
      CAPTURE(item.key());
      CHECK(max_difference(item.value(), golden[name + ".after." + item.key()]) < 1e-6);
    }
  }
}

TEST_CASE("the kernel and the tensor formula of Adafactor agree, whatever the number of threads and the divisor") {
  const AdafactorOptions options{.min_dim_size_to_factor = 8};
  const auto moved = [&](bool by_formula, int threads) {
    const auto before = at::get_num_threads();
    at::set_num_threads(threads);
    auto named = parameters_of({{"a", {1000, 70}}, {"b", {9, 8}}, {"small", {7, 300}}, {"c", {20}}}, 3);
    FlatParameters parameters(named);
    Adafactor optimizer(parameters, options, 0.01);
    for (int step = 0; step < 3; ++step) {
      parameters.zero_grad();
      give_gradients(named, 20 + static_cast<std::uint64_t>(step));
      const auto divisor = clip_divisor(parameters.grad_norm(), 1.0);
      optimizer.step(0.05, divisor, by_formula ? torch::zeros({}) : torch::Tensor());
    }
    at::set_num_threads(before);
    return named;
  };
  const auto kernel = moved(false, 1), on_two = moved(false, 2), formula = moved(true, 1);
  for (const auto& item : kernel) {
    CAPTURE(item.key());
    CHECK(torch::equal(item.value(), on_two[item.key()]));
    CHECK(max_difference(item.value(), formula[item.key()]) < 2e-6);
  }
}

TEST_CASE("Adafactor keeps rows and columns, skips what has no gradient, and goes on from its state bit for bit") {
  for (const bool momentum : {false, true}) {
    AdafactorOptions options{.min_dim_size_to_factor = 4};
    if (momentum) options.beta1 = 0.8;
    const std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes = {
        {"matrix", {6, 4}}, {"stack", {2, 4, 5}}, {"thin", {3, 9}}, {"bias", {5}}, {"idle", {4, 4}}};
    const auto train = [](NamedTensors& named, FlatParameters& parameters, Optimizer& optimizer, int from, int to) {
      for (int step = from; step < to; ++step) {
        parameters.zero_grad();
        give_gradients(named, 50 + static_cast<std::uint64_t>(step));
        named["idle"].mutable_grad() = torch::Tensor();
        optimizer.step(0.01);
      }
    };
    auto whole = parameters_of(shapes, 5), parts = parameters_of(shapes, 5);
    const auto idle = whole["idle"].detach().clone();
    FlatParameters a(whole), b(parts);
    Adafactor uninterrupted(a, options), first(b, options), second(b, options);
    train(whole, a, uninterrupted, 0, 6);
    train(parts, b, first, 0, 3);
    NamedTensors saved;
    for (const auto& item : first.state_dict()) saved.insert(item.key(), item.value().clone());
    second.load_state_dict(saved);
    train(parts, b, second, 3, 6);
    for (const auto& item : whole) CHECK(torch::equal(item.value(), parts[item.key()]));
    CHECK(torch::equal(whole["idle"], idle));
    CHECK(saved["step.idle"].item<std::int64_t>() == 0);
    CHECK(saved["step.matrix"].item<std::int64_t>() == 3);
    CHECK(saved["exp_avg_sq_row.matrix"].sizes() == at::IntArrayRef{6});
    CHECK(saved["exp_avg_sq_col.matrix"].sizes() == at::IntArrayRef{4});
    CHECK(saved["exp_avg_sq_row.stack"].sizes() == at::IntArrayRef{2, 4});
    CHECK(saved["exp_avg_sq_col.stack"].sizes() == at::IntArrayRef{2, 5});
    CHECK(saved["exp_avg_sq.thin"].sizes() == at::IntArrayRef{3, 9});
    CHECK(saved.contains("exp_avg.matrix") == momentum);
  }
}

TEST_CASE("infinite gradients leave Adafactor where it is, and half-precision parameters keep float32 moments") {
  auto named = parameters_of({{"weight", {4, 6}}, {"bias", {3}}}, 7);
  FlatParameters parameters(named);
  Adafactor optimizer(parameters, {.beta1 = 0.5, .min_dim_size_to_factor = 2}, 0.1);
  give_gradients(named, 1);
  optimizer.step(0.01);
  NamedTensors before;
  for (const auto& item : optimizer.state_dict()) before.insert(item.key(), item.value().clone());
  const auto weight = named["weight"].detach().clone();
  named["weight"].mutable_grad() = torch::full({4, 6}, INFINITY);
  optimizer.step(0.01, torch::ones({}), torch::ones({}));
  CHECK(torch::equal(named["weight"], weight));
  for (const auto& item : optimizer.state_dict()) {
    if (!item.key().starts_with("step.")) CHECK(torch::equal(item.value(), before[item.key()]));
  }

  auto half = parameters_of({{"weight", {4, 6}}}, 7, torch::kBFloat16);
  FlatParameters of_half(half);
  Adafactor narrow(of_half, {.min_dim_size_to_factor = 2});
  give_gradients(half, 1);
  narrow.step(0.01);
  CHECK(narrow.state_dict()["exp_avg_sq_row.weight"].dtype() == torch::kFloat32);
  CHECK(half["weight"].dtype() == torch::kBFloat16);
  CHECK(half["weight"].isfinite().all().item<bool>());
}

TEST_CASE("the table makes Adafactor, whose options are keys of its own") {
  OptimizerOptions options;
  CHECK(read_fields(options, R"({"weight_decay": 0, "adafactor": {"relative_step": false, "beta1": 0.9}})", "options")
            .empty());
  CHECK_NOTHROW(options.refuse_unread("adafactor"));
  CHECK_THROWS_WITH(options.refuse_unread("adamw"), Catch::Contains("adafactor"));
  CHECK(unread_optimizer_options("adafactor") == std::vector<std::string_view>{"beta1", "beta2", "epsilon", "correct_bias"});
  auto named = parameters_of({{"bias", {5}}}, 1), same = parameters_of({{"bias", {5}}}, 1);
  FlatParameters a(named), b(same);
  const auto made = make_optimizer("adafactor", a, options);
  Adafactor direct(b, {.relative_step = false, .beta1 = 0.9});
  for (int step = 0; step < 2; ++step) {
    give_gradients(named, 1), give_gradients(same, 1);
    made->step(0.5);
    direct.step(0.5);
  }
  CHECK(torch::equal(named["bias"], same["bias"]));
  CHECK_THROWS_WITH(Adafactor(a, {.clip_threshold = 0}), Catch::Contains("clip_threshold"));
  CHECK_THROWS_WITH(Adafactor(a, {.decay_rate = 0.8}), Catch::Contains("decay_rate"));
}

}  // namespace langzoo::adafactor_test
