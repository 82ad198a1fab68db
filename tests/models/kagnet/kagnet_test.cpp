#include "tests/support/test.h"

#include <cmath>

#include "models/bert/bert.h"
#include "models/kagnet/kagnet.h"
#include "models/registry.h"

namespace langzoo::test::kagnet_test {

namespace {

using Catch::Matchers::Contains;
using torch::Tensor;

KagNetConfig tiny(const std::string& type = "bert") {
  KagNetConfig config;
  config.encoder = EncoderPart(type);
  const auto fields = fields_in(config.encoder);
  for (const auto& [name, json] :
       std::initializer_list<std::pair<const char*, const char*>>{{"vocab_size", "23"},
                                                                  {"hidden_size", "6"},
                                                                  {"dim", "6"},
                                                                  {"num_hidden_layers", "1"},
                                                                  {"n_layers", "1"},
                                                                  {"embedding_size", "6"},
                                                                  {"n_heads", "2"},
                                                                  {"num_attention_heads", "2"},
                                                                  {"intermediate_size", "8"},
                                                                  {"hidden_dim", "8"},
                                                                  {"max_position_embeddings", "12"},
                                                                  {"hidden_dropout_prob", "0.0"},
                                                                  {"attention_probs_dropout_prob", "0.0"},
                                                                  {"dropout", "0.0"},
                                                                  {"attention_dropout", "0.0"}}) {
    if (const auto field = find_field(fields, name)) field->set(json);
  }
  for (int i = 0; i < 6; ++i) config.knowledge.entities.push_back("e" + std::to_string(i));
  config.knowledge.relations = {"r", "s"};
  config.knowledge.dim = 3;
  config.knowledge.num_triples = 3;
  config.gcn_hidden_size = 4, config.gcn_size = 2;
  config.path_size = 3, config.pair_hidden_size = 5, config.pair_size = 4;
  config.dropout = 0;
  config.initializer_range = 0.5;
  return config;
}

/// e0 -r-> e1 -s-> e2; e0 -s-> e2 for the first answer, one path for the second; of the third nothing.
std::vector<SchemaGraph> graphs() {
  SchemaGraph first{{0, 2, 1, 4}, {{0, 1}, {3, 1}}, {{0, {0, 2, 1}, {0, 1}}, {0, {0, 1}, {1}}}};
  SchemaGraph second{{5, 3}, {{0, 1}}, {{0, {0, 1}, {2}}}};
  return {first, second, {}};
}

TokenInputs batch() {
  torch::manual_seed(5);
  return {torch::randint(1, 20, {1, 3, 5})};
}

using Vector = std::vector<double>;
using Rows = std::vector<Vector>;

/// What the graph adds, by loops over numbers.
class LoopReader {
 public:
  LoopReader(const torch::nn::Module& model, std::int64_t num_relations) : relations_(num_relations) {
    for (const auto& item : model.named_parameters()) {
      if (item.key().starts_with("encoder.")) continue;
      const auto table = item.value().dim() == 1 ? item.value().unsqueeze(0) : item.value();
      auto& rows = parameters_[item.key()];
      for (std::int64_t i = 0; i < table.size(0); ++i) {
        rows.emplace_back();
        for (std::int64_t j = 0; j < table.size(1); ++j) rows.back().push_back(table[i][j].item<double>());
      }
    }
  }
  double& at(const std::string& name, std::int64_t i) {
    auto& table = parameters_.at(name);
    const auto width = static_cast<std::int64_t>(table[0].size());
    return table[static_cast<std::size_t>(i / width)][static_cast<std::size_t>(i % width)];
  }

  /// The logit of an answer with this sentence vector; `paths` and `pairs` get the weights.
  double logit(const Vector& sentence, const SchemaGraph& graph, Vector& paths, Vector& pairs) const {
    Vector of_graph(7, 0);  // pair_size + path_size
    if (!graph.pairs.empty()) {
      const auto concepts = convolved(graph);
      Rows t, read;
      for (std::size_t p = 0; p < graph.pairs.size(); ++p) {
        auto x = sentence;
        for (const auto node : {graph.pairs[p].first, graph.pairs[p].second}) {
          const auto& row = concepts[static_cast<std::size_t>(node)];
          x.insert(x.end(), row.begin(), row.end());
        }
        auto hidden = linear("pair1", x);
        for (auto& value : hidden) value = value > 0 ? value : 0.01 * value;
        t.push_back(linear("pair2", hidden));
        Rows states;
        Vector scores;
        for (const auto& path : graph.paths) {
          if (path.pair != static_cast<std::int64_t>(p)) continue;
          states.push_back(along(path, concepts));
          scores.push_back(dot(states.back(), linear("path_attention", t.back(), false)));
        }
        const auto weights = softmax(scores);
        paths.insert(paths.end(), weights.begin(), weights.end());
        auto both = t.back();
        both.resize(7, 0);
        for (std::size_t k = 0; k < states.size(); ++k) {
          for (std::size_t c = 0; c < 3; ++c) both[4 + c] += weights[k] * states[k][c];
        }
        read.push_back(both);
      }
      Vector scores;
      for (const auto& pair : t) scores.push_back(dot(pair, linear("pair_attention", sentence, false)));
      const auto weights = softmax(scores);
      pairs.insert(pairs.end(), weights.begin(), weights.end());
      for (std::size_t p = 0; p < read.size(); ++p) {
        for (std::size_t c = 0; c < 7; ++c) of_graph[c] += weights[p] * read[p][c];
      }
    }
    auto x = sentence;
    x.insert(x.end(), of_graph.begin(), of_graph.end());
    return linear("output", x)[0];
  }

 private:
  static double dot(const Vector& a, const Vector& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b.at(i);
    return sum;
  }
  static Vector softmax(Vector x) {
    double sum = 0;
    for (auto& value : x) sum += value = std::exp(value);
    for (auto& value : x) value /= sum;
    return x;
  }
  Vector linear(const std::string& name, const Vector& x, bool with_bias = true) const {
    Vector y;
    for (std::size_t o = 0; o < parameters_.at(name + ".weight").size(); ++o)
      y.push_back(dot(parameters_.at(name + ".weight")[o], x) + (with_bias ? parameters_.at(name + ".bias")[0][o] : 0));
    return y;
  }
  Rows convolved(const SchemaGraph& graph) const {
    const auto count = graph.nodes.size();
    std::vector<std::vector<bool>> near(count, std::vector<bool>(count, false));
    for (std::size_t i = 0; i < count; ++i) near[i][i] = true;
    for (const auto& path : graph.paths) {
      for (std::size_t i = 1; i < path.nodes.size(); ++i) {
        const auto a = static_cast<std::size_t>(path.nodes[i - 1]), b = static_cast<std::size_t>(path.nodes[i]);
        near[a][b] = near[b][a] = true;
      }
    }
    const auto degree = [&](std::size_t i) {
      return static_cast<double>(std::count(near[i].begin(), near[i].end(), true));
    };
    const auto spread = [&](const Rows& x) {
      Rows y(count, Vector(x[0].size(), 0));
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < count; ++j) {
          for (std::size_t c = 0; near[i][j] && c < x[0].size(); ++c)
            y[i][c] += x[j][c] / std::sqrt(degree(i) * degree(j));
        }
      }
      return y;
    };
    Rows x, hidden, concepts;
    for (const auto node : graph.nodes)
      x.push_back(parameters_.at("knowledge.entity_embeddings.weight")[static_cast<std::size_t>(node)]);
    for (const auto& row : x) hidden.push_back(linear("gcn1", row));
    hidden = spread(hidden);
    for (auto& row : hidden) {
      for (auto& value : row) value = std::max(0.0, value);
      row = linear("gcn2", row);
    }
    hidden = spread(hidden);
    for (std::size_t i = 0; i < count; ++i) {
      concepts.push_back(x[i]);
      concepts.back().insert(concepts.back().end(), hidden[i].begin(), hidden[i].end());
    }
    return concepts;
  }
  /// The LSTM's last state.
  Vector along(const SchemaPath& path, const Rows& concepts) const {
    const auto& table = parameters_.at("knowledge.relation_embeddings.weight");
    Vector h(3, 0), c(3, 0);
    for (std::size_t i = 0; i < path.nodes.size(); ++i) {
      auto x = concepts[static_cast<std::size_t>(path.nodes[i])];
      for (std::size_t k = 0; k < 3; ++k) {
        double value = 0;
        if (i < path.relations.size()) {
          const bool backwards = path.relations[i] >= relations_;
          value = table[static_cast<std::size_t>(path.relations[i] - (backwards ? relations_ : 0))][k] *
                  (backwards ? -1 : 1);
        }
        x.push_back(value);
      }
      const auto sigmoid = [](double value) { return 1 / (1 + std::exp(-value)); };
      Vector gates;
      for (std::size_t g = 0; g < 12; ++g) {
        gates.push_back(dot(parameters_.at("paths.weight_ih_l0")[g], x) + parameters_.at("paths.bias_ih_l0")[0][g] +
                        dot(parameters_.at("paths.weight_hh_l0")[g], h) + parameters_.at("paths.bias_hh_l0")[0][g]);
      }
      for (std::size_t k = 0; k < 3; ++k) {
        c[k] = sigmoid(gates[3 + k]) * c[k] + sigmoid(gates[k]) * std::tanh(gates[6 + k]);
        h[k] = sigmoid(gates[9 + k]) * std::tanh(c[k]);
      }
    }
    return h;
  }

  std::int64_t relations_;
  std::map<std::string, Rows> parameters_;
};

Vector numbers(const Tensor& x) {
  const auto flat = x.detach().to(torch::kFloat64).flatten().contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

}  // namespace

TEST_CASE("convolution, path LSTM and attention are the paper's sums by loops, gradients finite differences") {
  torch::manual_seed(2);
  KagNet model(tiny());
  model->to(torch::kFloat64);
  model->eval();
  const auto inputs = batch();
  const auto schema = SchemaBatch::of(graphs(), 2);
  const auto output = model->forward(inputs, schema);
  const auto weights = torch::tensor({1.0, -2.0, 0.5}, torch::kFloat64);
  (output.logits[0] * weights).sum().backward();

  const auto sentences = model->encoder().encode(choices_as_rows(inputs)).hidden.select(1, 0);  // (3,6)
  LoopReader loops(*model, 2);
  Vector paths, pairs;
  const auto value = [&](bool check) {
    double sum = 0;
    for (std::int64_t a = 0; a < 3; ++a) {
      Vector of_paths, of_pairs;
      const auto logit = loops.logit(numbers(sentences[a]), graphs()[static_cast<std::size_t>(a)], of_paths, of_pairs);
      sum += logit * weights[a].item<double>();
      if (!check) continue;
      CHECK(logit == Approx(output.logits[0][a].item<double>()).epsilon(1e-7));
      paths.insert(paths.end(), of_paths.begin(), of_paths.end());
      pairs.insert(pairs.end(), of_pairs.begin(), of_pairs.end());
    }
    return sum;
  };
  value(true);
  const auto same = [](const Vector& a, const Vector& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(1e-7));
  };
  same(paths, numbers(output.path_weights));
  same(pairs, numbers(output.pair_weights));
  for (const auto& item : model->named_parameters()) {
    if (item.key().starts_with("encoder.")) continue;
    INFO(item.key());
    if (item.key().starts_with("knowledge.")) {
      CHECK_FALSE(item.value().requires_grad());
      continue;
    }
    const auto gradient = item.value().grad().flatten();
    for (const auto i : {std::int64_t{0}, gradient.numel() / 2, gradient.numel() - 1}) {
      auto& number = loops.at(item.key(), i);
      const double before = number, step = 1e-5;
      number = before + step;
      const auto more = value(false);
      number = before - step;
      const auto less = value(false);
      number = before;
      CHECK(gradient[i].item<double>() == Approx((more - less) / (2 * step)).epsilon(1e-5).margin(1e-6));
    }
  }
}

TEST_CASE("answers are scored alike alone and together, and the encoder alone without a graph") {
  torch::manual_seed(2);
  KagNet model(tiny());
  model->eval();
  const auto inputs = batch();
  const auto all = model->forward(inputs, SchemaBatch::of(graphs(), 2)).logits;
  CHECK(all.sizes() == torch::IntArrayRef({1, 3}));
  for (std::int64_t a = 0; a < 3; ++a) {
    const auto alone = model->forward({inputs.ids.narrow(1, a, 1)},
                                      SchemaBatch::of(std::vector{graphs()[static_cast<std::size_t>(a)]}, 2));
    CHECK(max_difference(alone.logits[0][0], all[0][a]) < 1e-5);
  }
  CHECK(max_difference(model->logits(inputs)[0][2], all[0][2]) < 1e-6);
  CHECK(max_difference(model->logits(inputs)[0][0], all[0][0]) > 1e-4);
  CHECK_THROWS_WITH(model->forward(inputs, SchemaBatch::of(std::vector<SchemaGraph>(2), 2)),
                    Contains("2 graphs for 3"));
  auto config = tiny();
  config.use_graph = false;
  KagNet alone(config);
  CHECK(alone->named_parameters().find("gcn1.weight") == nullptr);
  CHECK(alone->forward(inputs, SchemaBatch::of(graphs(), 2)).logits.sizes() == torch::IntArrayRef({1, 3}));
  CHECK(alone->ground("e0", "e2").pairs.empty());
}

TEST_CASE("the margin loss by hand") {
  KagNet model(tiny());
  const auto logit = [](double p) { return std::log(p / (1 - p)); };
  const auto logits = torch::tensor({{logit(0.6), logit(0.5), logit(0.1)}, {logit(0.3), logit(0.9), logit(0.8)}});
  // 0.2 - 0.6 + 0.5 = 0.1 and nothing; 0.2 - 0.3 + 0.9 = 0.8 and 0.7. Two wrong answers each.
  CHECK(model->loss_sum(logits, torch::tensor({0, 0}, torch::kInt64)).item<double>() == Approx((0.1 + 1.5) / 2));
  CHECK(model->loss_sum(logits, torch::tensor({0, 1}, torch::kInt64)).item<double>() == Approx((0.1 + 0.1) / 2));
}

TEST_CASE("grounding follows the model's own graph; a folder has it, whatever the encoder") {
  for (const auto& type : encoder_part_types()) {
    CAPTURE(type);
    const TempDir dir;
    torch::manual_seed(4);
    KagNet model(tiny(type));
    model->eval();
    model->knowledge->set_triples(std::vector<Triple>{{0, 0, 1}, {1, 1, 2}, {0, 1, 2}});
    const auto graph = model->ground("Where is e0?", "at E2");
    REQUIRE(graph.pairs.size() == 1);
    CHECK(graph.nodes[0] == 0);
    CHECK(model->ground("Where?", "at E2").nodes.empty());
    model->save_pretrained(dir.path());
    CHECK(registered_model(dir.path()).architecture == "KagNet");
    auto again = from_pretrained<KagNet>(dir.path());
    CHECK(again->config().encoder.type() == type);
    const auto schema = SchemaBatch::of(graphs(), 2);
    CHECK(max_difference(again->forward(batch(), schema).logits, model->forward(batch(), schema).logits) < 1e-6);
    CHECK(again->ground("Where is e0?", "at E2").paths.size() == graph.paths.size());
  }
  CHECK_THROWS_WITH(find_registered_model("kagnet")->make(R"({"encoder_type": "gpt2"})", "here"),
                    Contains("encoder_type"));
  CHECK_THROWS_WITH(find_registered_model("kagnet")->make(R"({"encoder": {"hidden_size": 7}})", "here"),
                    Contains("hidden_size"));
  CHECK_THROWS_WITH(find_registered_model("kagnet")->make(R"({"max_hops": 9})", "here"), Contains("max_hops"));
}

}  // namespace langzoo::test::kagnet_test
