#include "tests/support/test.h"

#include <cmath>

#include "models/io/safetensors.h"
#include "models/optim/adamw.h"
#include "models/optim/muon.h"
#include "models/optim/optimizers.h"

namespace langzoo::test::muon_test {

namespace {

using Matrix = std::vector<std::vector<double>>;

Matrix matrix_of(const torch::Tensor& tensor) {
  Matrix rows(tensor.size(0), std::vector<double>(tensor.size(1)));
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < rows[i].size(); ++j)
      rows[i][j] = tensor[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(j)].item<double>();
  return rows;
}

Matrix transposed(const Matrix& a) {
  Matrix t(a[0].size(), std::vector<double>(a.size()));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[0].size(); ++j) t[j][i] = a[i][j];
  return t;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.size(), std::vector<double>(b[0].size(), 0));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t k = 0; k < b.size(); ++k)
      for (std::size_t j = 0; j < b[0].size(); ++j) c[i][j] += a[i][k] * b[k][j];
  return c;
}

Matrix combination(double p, const Matrix& a, double q, const Matrix& b) {
  Matrix c = a;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[0].size(); ++j) c[i][j] = p * a[i][j] + q * b[i][j];
  return c;
}

/// The post's iteration, number by number.
Matrix newton_schulz(Matrix x, int steps) {
  const bool tall = x.size() > x[0].size();
  if (tall) x = transposed(x);
  double square = 0;
  for (const auto& row : x)
    for (const double value : row) square += value * value;
  x = combination(1 / (std::sqrt(square) + 1e-7), x, 0, x);
  for (int i = 0; i < steps; ++i) {
    const auto a = product(x, transposed(x));
    x = combination(3.4445, x, 1, product(combination(-4.7750, a, 2.0315, product(a, a)), x));
  }
  return tall ? transposed(x) : x;
}

torch::Tensor gradient(const torch::Tensor& weight, int step) {
  const auto places = torch::arange(weight.numel(), weight.options().requires_grad(false)).view_as(weight);
  return at::sin(places * 1.7 + step * 0.9) + 0.1 * step;
}

/// Matrices of either shape, a bias, an embedding, and a matrix that gets gradients in every other step only.
NamedTensors weights(torch::ScalarType type = torch::kFloat64) {
  torch::manual_seed(3);
  NamedTensors named;
  const auto add = [&](const std::string& name, const torch::Tensor& value) {
    named.insert(name, value.to(type).requires_grad_());
  };
  add("embed_tokens.weight", torch::randn({6, 3}));
  add("wide.weight", torch::randn({3, 5}));
  add("tall.weight", torch::randn({5, 3}));
  add("tall.bias", torch::randn({5}));
  add("rare.weight", torch::randn({2, 2}));
  return named;
}

void set_gradients(NamedTensors& named, int step) {
  for (const auto& [name, weight] : named.pairs()) {
    if (name != "rare.weight" || step % 2 == 1) (weight * gradient(weight, step)).sum().backward();
  }
}

void train(NamedTensors& named, FlatParameters& parameters, Optimizer& optimizer, int from, int to) {
  for (int step = from; step < to; ++step) {
    parameters.zero_grad();
    set_gradients(named, step);
    optimizer.step(0.05, torch::tensor(2.0));
  }
}

}  // namespace

TEST_CASE("Muon is its equations, number by number, and embeddings and biases are AdamW's") {
  const bool nesterov = GENERATE(true, false);
  const AdamOptions adamw{.beta1 = 0.9, .beta2 = 0.97, .epsilon = 1e-6, .weight_decay = 0.2};
  const MuonOptions options{.momentum = 0.8, .nesterov = nesterov};
  auto named = weights(), others = weights();
  const auto names = {"wide.weight", "tall.weight", "rare.weight"};
  std::map<std::string, Matrix> x, m;
  for (const auto* const name : names) {
    x[name] = matrix_of(named[name].detach());
    m[name] = combination(0, x[name], 0, x[name]);
  }
  FlatParameters parameters(named), of_adamw(others);
  Muon optimizer(parameters, adamw, options);
  AdamW beside(of_adamw, adamw);
  for (int step = 1; step <= 6; ++step) {
    train(named, parameters, optimizer, step, step + 1);
    train(others, of_adamw, beside, step, step + 1);
    for (const auto* const name : names) {
      if (name == std::string("rare.weight") && step % 2 == 0) continue;
      const auto g = matrix_of(gradient(named[name], step) / 2);
      m[name] = combination(0.8, m[name], 0.2, g);
      const auto update = newton_schulz(nesterov ? combination(0.2, g, 0.8, m[name]) : m[name], 5);
      const auto largest = static_cast<double>(std::max(g.size(), g[0].size()));
      x[name] = combination(1 - 0.05 * 0.2, x[name], -0.05 * 0.2 * std::sqrt(largest), update);
    }
    for (const auto* const name : names) {
      const auto now = matrix_of(named[name].detach());
      for (std::size_t i = 0; i < now.size(); ++i) {
        for (std::size_t j = 0; j < now[i].size(); ++j) {
          INFO(name << " " << i << " " << j << " after step " << step);
          REQUIRE(now[i][j] == Approx(x[name][i][j]).epsilon(1e-9).margin(1e-12));
        }
      }
    }
    for (const auto* const name : {"embed_tokens.weight", "tall.bias"})
      CHECK(max_difference(named[name], others[name]) < 1e-12);
  }
}

TEST_CASE("Muon agrees with torch.optim.Muon after several steps, but for the roundings of bfloat16") {
  const auto golden = load_safetensors(test::fixture("optim/muon.safetensors"));
  for (const auto& [name, options, decay] : std::vector<std::tuple<std::string, MuonOptions, double>>{
           {"nesterov", {}, 0.1}, {"plain", {.momentum = 0.8, .nesterov = false}, 0.3}}) {
    for (const bool reduced : {false, true}) {
      CAPTURE(name, reduced);
      NamedTensors named;
      for (const auto* const parameter : {"wide", "tall", "square"})
        named.insert(parameter, golden[name + ".before." + parameter].clone().requires_grad_());
      FlatParameters parameters(named);
      auto own = options;
      own.ns_bfloat16 = reduced;
      Muon optimizer(parameters, {.weight_decay = decay}, own);
      for (int step = 0; step < 4; ++step) {
        parameters.zero_grad();
        for (auto& item : named)
          item.value().mutable_grad() = golden[name + ".grad." + std::to_string(step) + "." + item.key()].clone();
        optimizer.step(0.02);
      }
      for (const auto& item : named) {
        const auto& before = golden[name + ".before." + item.key()];
        const auto change = golden[name + ".after." + item.key()] - before;
        CHECK((item.value() - before - change).norm().item<double>() < 0.01 * change.norm().item<double>());
      }
    }
  }
}

TEST_CASE("a matrix is made nearly orthogonal, whatever its singular values, but for those that are next to nothing") {
  torch::manual_seed(1);
  const auto [rows, columns] = GENERATE(std::pair(20, 30), std::pair(30, 20), std::pair(1, 7));
  const auto values = at::linalg_svdvals(orthogonalized(torch::randn({rows, columns}) * 1e-3, 5));
  CHECK(values.min().item<double>() > 0.6);
  CHECK(values.max().item<double>() < 1.25);
  const auto G = torch::randn({rows, columns}), reduced = orthogonalized(G.to(torch::kBFloat16), 5).to(torch::kFloat32);
  CHECK(max_difference(reduced, orthogonalized(G, 5)) < 0.1);
  CHECK(orthogonalized(torch::zeros({3, 2}), 5).abs().max().item<double>() == 0);
}

TEST_CASE("Muon goes on from its saved state, and leaves out a step of infinite gradients") {
  const auto type = GENERATE(torch::kFloat32, torch::kBFloat16);
  auto whole = weights(type), parts = weights(type);
  FlatParameters a(whole), b(parts);
  OptimizerOptions options;
  options.own = {{"muon", OwnOptions(MuonOptions{.ns_bfloat16 = true})}};
  const auto uninterrupted = make_optimizer("muon", a, options), first = make_optimizer("muon", b, options);
  train(whole, a, *uninterrupted, 1, 7);
  train(parts, b, *first, 1, 4);
  NamedTensors saved;
  for (const auto& item : first->state_dict()) saved.insert(item.key(), item.value().clone());
  const auto second = make_optimizer("muon", b, options);
  second->load_state_dict(saved);
  train(parts, b, *second, 4, 7);
  for (const auto& item : whole) CHECK(torch::equal(item.value(), parts[item.key()]));

  std::map<std::string, torch::Tensor> before;
  for (const auto& [name, value] : whole.pairs()) before[name] = value.detach().clone();
  for (const auto& [name, value] : uninterrupted->state_dict().pairs()) before[name] = value.clone();
  a.zero_grad();
  set_gradients(whole, 7);
  for (auto& item : whole) item.value().mutable_grad().fill_(INFINITY);
  uninterrupted->step(0.02, {}, torch::ones({}));
  for (const auto& [name, value] : whole.pairs()) CHECK(torch::equal(value, before.at(name)));
  for (const auto& [name, value] : uninterrupted->state_dict().pairs())
    CHECK((name.starts_with("step.") || torch::equal(value, before.at(name))));
}

TEST_CASE("embeddings and output layers are AdamW's by their usual names, the matrices between are not") {
  const auto trained_by = [](const std::string& name) {
    NamedTensors named;
    named.insert(name, torch::zeros({2, 2}).requires_grad_());
    FlatParameters parameters(named);
    return Muon(parameters, {}, {}).state_dict().contains("momentum." + name) ? "Muon" : "AdamW";
  };
  for (const auto* const name : {"transformer.wte.weight",
                                 "transformer.wpe.weight",
                                 "lm_head.weight",
                                 "model.shared.weight",
                                 "shared.weight",
                                 "model.encoder.embed_tokens.weight",
                                 "model.decoder.embed_positions.weight",
                                 "classification_head.out_proj.weight",
                                 "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                                 "multiple_choice_head.summary.weight",
                                 "bert.embeddings.word_embeddings.weight",
                                 "cls.predictions.decoder.weight",
                                 "classifier.weight",
                                 "qa_outputs.weight",
                                 "score.weight",
                                 "vocab_projector.weight",
                                 "generator_lm_head.weight",
                                 "embedding.weight",
                                 "output.weight",
                                 "decoder.output.weight",
                                 "crf.transitions",
                                 "bert.encoder.layer.0.attention.self.distance_embedding.weight"}) {
    CAPTURE(name);
    CHECK(trained_by(name) == std::string("AdamW"));
  }
  for (const auto* const name :
       {"transformer.h.0.attn.c_attn.weight", "model.encoder.layers.0.self_attn.q_proj.weight",
        "model.decoder.layers.0.fc1.weight", "encoder.block.0.layer.1.DenseReluDense.wi.weight", "rnn.weight_hh_l0",
        "bert.encoder.layer.0.attention.output.dense.weight", "bert.encoder.layer.0.output.dense.weight",
        "decoder.block.0.layer.1.EncDecAttention.o.weight", "distilbert.transformer.layer.0.ffn.lin1.weight"}) {
    CAPTURE(name);
    CHECK(trained_by(name) == std::string("Muon"));
  }
}

TEST_CASE("Muon's options are refused by name") {
  auto named = weights();
  FlatParameters parameters(named);
  CHECK_THROWS_WITH(Muon(parameters, {}, {.momentum = 1}), Catch::Contains("momentum"));
  CHECK_THROWS_WITH(Muon(parameters, {}, {.ns_steps = 0}), Catch::Contains("ns_steps"));
}

}  // namespace langzoo::test::muon_test
