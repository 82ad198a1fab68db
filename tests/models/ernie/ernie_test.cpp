#include "tests/support/test.h"

#include <cmath>

#include "models/ernie/ernie.h"
#include "models/io/safetensors.h"
#include "models/registry.h"

namespace langzoo::test::ernie_test {

namespace {

using Catch::Matchers::Contains;
using torch::Tensor;

/// Odd sizes, no dropout.
ErnieConfig tiny(std::vector<std::string> types = {"sim", "mix", "norm"}) {
  ErnieConfig config;
  config.vocab_size = 23;
  config.hidden_size = 6;
  config.num_hidden_layers = static_cast<std::int64_t>(types.size());
  config.num_attention_heads = 3;
  config.intermediate_size = 5;
  config.max_position_embeddings = 12;
  config.hidden_dropout_prob = config.attention_probs_dropout_prob = config.classifier_dropout = 0;
  config.initializer_range = 0.4;
  config.entity_size = 4;
  config.num_entity_attention_heads = 2;
  config.layer_types = std::move(types);
  config.entities = {"Ann", "Bob", "Cid"};
  return config;
}

/// Rows of 7 and 4 tokens, of which some name entities.
TokenInputs batch() {
  torch::manual_seed(5);
  const auto mask = torch::arange(7) < torch::tensor({7, 4}).unsqueeze(1);
  TokenInputs inputs{torch::randint(1, 20, {2, 7}) * mask, {}, mask};
  inputs.entity_ids = torch::full({2, 7}, -1, torch::kInt64);
  inputs.entity_ids[0][1] = 2, inputs.entity_ids[0][4] = 0, inputs.entity_ids[1][2] = 1;
  return inputs;
}

template <class Model>
Model with_entities(const ErnieConfig& config) {
  torch::manual_seed(3);
  Model model(config);
  model->eval();
  auto* const encoder = dynamic_cast<ErnieModelImpl*>(model.get());
  auto& table = encoder
                    ? encoder->entity_embeddings
                    : dynamic_cast<ErnieModelImpl&>(dynamic_cast<EncoderModel&>(*model).encoder()).entity_embeddings;
  table.copy_(torch::randn({3, 4}));
  return model;
}

using Rows = std::vector<std::vector<double>>;

Rows rows_of(const Tensor& x) {
  Rows rows;
  for (std::int64_t t = 0; t < x.size(0); ++t) {
    rows.emplace_back();
    for (std::int64_t c = 0; c < x.size(1); ++c) rows.back().push_back(x[t][c].item<double>());
  }
  return rows;
}

/// The aggregator of one row by loops over numbers, parameters by their names.
class LoopLayer {
 public:
  explicit LoopLayer(const torch::nn::Module& layer) {
    for (const auto& item : layer.named_parameters()) {
      const auto table = item.value().dim() == 1 ? item.value().unsqueeze(0) : item.value();
      parameters_[item.key()] = rows_of(table.detach());
    }
  }
  double& at(const std::string& name, std::int64_t i) {
    auto& table = parameters_.at(name);
    const auto width = static_cast<std::int64_t>(table[0].size());
    return table[static_cast<std::size_t>(i / width)][static_cast<std::size_t>(i % width)];
  }

  std::pair<Rows, Rows> run(const Rows& tokens, const Rows& entities, const std::vector<bool>& kept,
                            const std::vector<bool>& named, bool entities_attend) const {
    const auto w = attended("attention.self.", "attention.output.", tokens, kept, 3);
    auto e = entities_attend ? attended("attention.self_ent.", "attention.output_ent.", entities, named, 2) : entities;
    for (std::size_t t = 0; t < e.size(); ++t) {
      for (auto& x : e[t]) x *= named[t] ? 1 : 0;
    }
    auto h = sum(linear("intermediate.dense", w), linear("intermediate.dense_ent", e));
    for (auto& row : h) {
      for (auto& x : row) x = 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    }
    return {normed("output.LayerNorm", sum(linear("output.dense", h), w)),
            normed("output.LayerNorm_ent", sum(linear("output.dense_ent", h), e))};
  }

 private:
  Rows linear(const std::string& name, const Rows& x) const {
    const auto &weight = parameters_.at(name + ".weight"), &bias = parameters_.at(name + ".bias");
    Rows y;
    for (const auto& row : x) {
      y.emplace_back();
      for (std::size_t o = 0; o < weight.size(); ++o) {
        double value = bias[0][o];
        for (std::size_t i = 0; i < row.size(); ++i) value += weight[o][i] * row[i];
        y.back().push_back(value);
      }
    }
    return y;
  }
  static Rows sum(Rows x, const Rows& y) {
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (std::size_t c = 0; c < x[t].size(); ++c) x[t][c] += y[t][c];
    }
    return x;
  }
  Rows normed(const std::string& name, Rows x) const {
    const auto &gain = parameters_.at(name + ".weight")[0], &bias = parameters_.at(name + ".bias")[0];
    for (auto& row : x) {
      double mean = 0, square = 0;
      for (const auto value : row) mean += value / static_cast<double>(row.size());
      for (const auto value : row) square += (value - mean) * (value - mean) / static_cast<double>(row.size());
      for (std::size_t c = 0; c < row.size(); ++c)
        row[c] = (row[c] - mean) / std::sqrt(square + 1e-12) * gain[c] + bias[c];
    }
    return x;
  }
  Rows attended(const std::string& self, const std::string& output, const Rows& x, const std::vector<bool>& kept,
                std::size_t heads) const {
    const auto q = linear(self + "query", x), k = linear(self + "key", x), v = linear(self + "value", x);
    const auto width = x[0].size() / heads;
    Rows y(x.size(), std::vector<double>(x[0].size(), 0));
    for (std::size_t head = 0; head < heads; ++head) {
      for (std::size_t t = 0; t < x.size(); ++t) {
        std::vector<double> weights;
        double all = 0;
        for (std::size_t s = 0; s < x.size(); ++s) {
          double score = 0;
          for (std::size_t c = head * width; c < (head + 1) * width; ++c) score += q[t][c] * k[s][c];
          weights.push_back(kept[s] ? std::exp(score / std::sqrt(static_cast<double>(width))) : 0);
          all += weights.back();
        }
        for (std::size_t s = 0; s < x.size(); ++s) {
          for (std::size_t c = head * width; c < (head + 1) * width; ++c) y[t][c] += weights[s] / all * v[s][c];
        }
      }
    }
    return normed(output + "LayerNorm", sum(linear(output + "dense", y), x));
  }

  std::map<std::string, Rows> parameters_;
};

double weighed(const Rows& x, const Tensor& weights) {
  double sum = 0;
  for (std::size_t t = 0; t < x.size(); ++t) {
    for (std::size_t c = 0; c < x[t].size(); ++c)
      sum += x[t][c] * weights[static_cast<std::int64_t>(t)][static_cast<std::int64_t>(c)].item<double>();
  }
  return sum;
}

}  // namespace

TEST_CASE("the aggregator is the paper's sums by loops, and its gradients those of finite differences") {
  for (const bool attends : {false, true}) {
    CAPTURE(attends);
    torch::manual_seed(7);
    ErnieLayer layer(tiny(), attends);
    layer->to(torch::kFloat64);
    for (auto& parameter : layer->parameters()) parameter.detach().copy_(torch::randn_like(parameter) * 0.5);
    layer->eval();
    const auto x = torch::randn({1, 5, 6}, torch::kFloat64), e = torch::randn({1, 5, 4}, torch::kFloat64);
    const auto mask = torch::tensor({1, 1, 1, 1, 0}).unsqueeze(0), named = torch::tensor({1, 0, 1, 1, 0}).unsqueeze(0);
    const TokenRows rows(mask, false, torch::kFloat64), entity_rows(named, false, torch::kFloat64);
    const auto [tokens, entities] = layer->forward({x, e}, rows, entity_rows, named.unsqueeze(-1).to(torch::kFloat64));
    const auto a = torch::randn({5, 6}, torch::kFloat64), b = torch::randn({5, 4}, torch::kFloat64);
    ((tokens[0] * a).sum() + (entities[0] * b).sum()).backward();

    LoopLayer loops(*layer);
    const auto value = [&] {
      const auto [w, f] = loops.run(rows_of(x[0]), rows_of(e[0]), {true, true, true, true, false},
                                    {true, false, true, true, false}, attends);
      return weighed(w, a) + weighed(f, b);
    };
    CHECK(value() == Approx(((tokens[0] * a).sum() + (entities[0] * b).sum()).item<double>()).epsilon(1e-10));
    for (const auto& item : layer->named_parameters()) {
      const auto gradient = item.value().grad().flatten();
      for (const auto i : {std::int64_t{0}, gradient.numel() / 2, gradient.numel() - 1}) {
        auto& number = loops.at(item.key(), i);
        const double before = number, step = 1e-5;
        number = before + step;
        const auto more = value();
        number = before - step;
        const auto less = value();
        number = before;
        INFO(item.key() << " " << i);
        CHECK(gradient[i].item<double>() == Approx((more - less) / (2 * step)).epsilon(1e-5).margin(1e-7));
      }
    }
  }
}

TEST_CASE("layers that are all sim are BERT, whatever entities are named") {
  const auto config = tiny({"sim", "sim"});
  auto ernie = with_entities<ErnieModel>(config);
  BertConfig plain;
  static_cast<EncoderConfig&>(plain) = config;
  BertModel bert(plain);
  bert->eval();
  {
    const torch::NoGradGuard no_grad;
    const auto theirs = ernie->named_parameters();
    for (auto& item : bert->named_parameters()) item.value().copy_(theirs[item.key()]);
  }
  auto inputs = batch();
  const auto read = ernie->encode(inputs);
  inputs.entity_ids = Tensor();
  const auto expected = bert->encode(inputs);
  CHECK(max_difference(read.hidden, expected.hidden) < 1e-6);
  CHECK(max_difference(read.pooled, expected.pooled) < 1e-6);
  CHECK_THROWS_WITH(bert->encode(batch()), "bert: knows no entities");
}

TEST_CASE("entities change what follows, each where it stands; padding changes nothing") {
  auto model = with_entities<ErnieModel>(tiny());
  const auto inputs = batch();
  const auto read = model->encode(inputs, {.hidden_states = true, .attentions = true});
  CHECK(read.hidden.sizes() == torch::IntArrayRef({2, 7, 6}));
  CHECK(read.pooled.sizes() == torch::IntArrayRef({2, 6}));
  CHECK(read.hidden_states.size() == 4);
  CHECK(read.attentions.size() == 3);
  CHECK(read.attentions[2].sizes() == torch::IntArrayRef({2, 3, 7, 7}));
  auto other = inputs;
  other.entity_ids = inputs.entity_ids.clone();
  other.entity_ids[0][4] = 1;
  const auto changed = model->encode(other).hidden;
  CHECK(max_difference(changed[1].narrow(0, 0, 4), read.hidden[1].narrow(0, 0, 4)) < 1e-6);
  CHECK(max_difference(changed[0], read.hidden[0]) > 1e-3);
  other.entity_ids = Tensor();
  CHECK(max_difference(model->encode(other).hidden[1].narrow(0, 0, 4), read.hidden[1].narrow(0, 0, 4)) > 1e-3);
  // Alone, without padding.
  TokenInputs alone{inputs.ids.narrow(0, 1, 1).narrow(1, 0, 4)};
  alone.entity_ids = inputs.entity_ids.narrow(0, 1, 1).narrow(1, 0, 4);
  CHECK(max_difference(model->encode(alone).hidden[0], read.hidden[1].narrow(0, 0, 4)) < 1e-5);
  alone.entity_ids = torch::zeros({1, 3}, torch::kInt64);
  CHECK_THROWS_WITH(model->encode(alone), Contains("entity_ids must have the shape of ids"));
  // One token.
  CHECK(model->encode({torch::ones({1, 1}, torch::kInt64)}).hidden.sizes() == torch::IntArrayRef({1, 1, 6}));
}

TEST_CASE("the entity head compares what tokens say with the candidates, and each loss is its sum") {
  auto model = with_entities<ErnieForPreTraining>(tiny());
  const auto inputs = batch();
  auto labels = torch::full({2, 7}, -100, torch::kInt64), of_entities = labels.clone();
  labels[0][2] = 5, labels[1][1] = 7;
  of_entities[0][1] = 1, of_entities[0][4] = 0, of_entities[1][2] = 1;
  const auto sentences = torch::tensor({0, 1}, torch::kInt64), candidates = torch::tensor({0, 2}, torch::kInt64);
  const auto loss = model->entity_pretraining_loss(inputs, labels, sentences, candidates, of_entities);
  const auto usual = model->pretraining_loss(inputs, labels, sentences);
  CHECK(loss.masked_lm.item<double>() == Approx(usual.masked_lm.item<double>()));
  CHECK(loss.sentence.item<double>() == Approx(usual.sentence.item<double>()));
  const auto places = torch::tensor({1, 4, 9}, torch::kInt64);
  const auto logits = model->entity_logits_at(inputs, places, candidates);
  CHECK(logits.sizes() == torch::IntArrayRef({3, 2}));
  const auto nats = -logits.log_softmax(1).gather(1, torch::tensor({1, 0, 1}, torch::kInt64).unsqueeze(1)).sum();
  CHECK(loss.entities.item<double>() == Approx(nats.item<double>()));

  // By the parameters: LayerNorm(gelu(x A^T + a)) . e
  const auto names = model->named_parameters();
  const auto x = model->base->encode(inputs).hidden.flatten(0, 1)[4];
  const auto dense = at::linear(x, names["cls.predictions_ent.transform.dense.weight"],
                                names["cls.predictions_ent.transform.dense.bias"]);
  const auto y = at::layer_norm(at::gelu(dense), {4}, names["cls.predictions_ent.transform.LayerNorm.weight"],
                                names["cls.predictions_ent.transform.LayerNorm.bias"], 1e-12);
  CHECK(logits[1][1].item<double>() ==
        Approx((y * model->base->entity_embeddings[2]).sum().item<double>()).epsilon(1e-4));
  CHECK_FALSE(model->entity_pretraining_loss(inputs, labels, sentences, {}, {}).entities.defined());
  // Entities do not learn.
  loss.entities.backward();
  CHECK_FALSE(model->base->entity_embeddings.requires_grad());
}

TEST_CASE("a folder keeps names and vectors; a pretrained one becomes a classifier with new heads") {
  const TempDir dir;
  auto model = with_entities<ErnieForPreTraining>(tiny());
  model->save_pretrained(dir.path());
  CHECK(registered_model(dir.path()).architecture == "ErnieForPreTraining");
  auto again = from_pretrained<ErnieForPreTraining>(dir.path());
  CHECK(max_difference(again->base->encode(batch()).hidden, model->base->encode(batch()).hidden) == 0);
  CHECK(again->base->entity_id("Cid") == 2);
  CHECK(again->base->entity_id("Dan") == -1);
  for (const auto* const name :
       {"bert.encoder.layer.0.attention.self.query.weight", "bert.encoder.layer.1.intermediate.dense_ent.weight",
        "bert.encoder.layer.2.attention.self_ent.key.bias", "bert.encoder.layer.2.output.LayerNorm_ent.weight",
        "bert.encoder.layer.2.attention.output_ent.dense.weight", "cls.predictions_ent.transform.dense.weight"})
    CHECK(load_safetensors(dir.path() / "model.safetensors").contains(name));

  auto config = again->config();
  config.labels = ClassLabels::of({"a", "b", "c"});
  auto classifier = from_pretrained<ErnieForRelationClassification>(dir.path(), config, nullptr, {.new_head = true});
  CHECK(max_difference(classifier->base->entity_embeddings, model->base->entity_embeddings) == 0);
  CHECK(classifier->logits(batch()).sizes() == torch::IntArrayRef({2, 3}));
  CHECK(classifier->marker(0) == 21);
  CHECK(classifier->marker(1) == 22);
  CHECK(classifier->marked_names() == 2);
}

TEST_CASE("configs that cannot be name what is wrong") {
  CHECK(ErnieConfig().types() == std::vector<std::string>{"sim", "sim", "sim", "sim", "sim", "mix", "norm", "norm",
                                                          "norm", "norm", "norm", "norm"});
  const auto refused = [](const std::function<void(ErnieConfig&)>& change, const std::string& message) {
    auto config = tiny();
    change(config);
    CHECK_THROWS_WITH(ErnieModel(config), Contains(message));
  };
  refused([](auto& c) { c.layer_types = {"sim", "mix"}; }, "num_hidden_layers = 3");
  refused([](auto& c) { c.layer_types = {"mix", "sim", "norm"}; }, "layers of type sim come first");
  refused([](auto& c) { c.layer_types = {"sim", "mix", "sim"}; }, "layers of type sim come first");
  refused([](auto& c) { c.layer_types = {"sim", "mixed", "norm"}; }, "layer_types");
  refused([](auto& c) { c.entity_size = 5; }, "entity_size = 5 must be a multiple");
  refused([](auto& c) { c.entities.push_back("Ann"); }, "a name comes twice");
  refused([](auto& c) { c.position_embedding_type = "relative_key"; }, "positions are absolute");
}

}  // namespace langzoo::test::ernie_test
