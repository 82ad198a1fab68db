#include "tests/support/test.h"

#include <cmath>

#include <torch/optim/adamw.h>

#include "models/bert/bert.h"
#include "models/io/safetensors.h"
#include "models/optim/parameter_rule.h"
#include "models/registry.h"

namespace langzoo::test::bert_test {
namespace {

using Catch::Matchers::Contains;
using torch::Tensor;

/// Odd sizes; no dropout unless asked for.
BertConfig tiny(double dropout = 0.0) {
  BertConfig config;
  config.vocab_size = 31;
  config.hidden_size = 12;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 3;
  config.intermediate_size = 17;
  config.max_position_embeddings = 16;
  config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout;
  config.initializer_range = 0.3;
  return config;
}

std::int64_t parameter_count(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

/// Rows of 9, 5 and 2 tokens of two segments, padded.
TokenInputs batch() {
  torch::manual_seed(5);
  const auto lengths = torch::tensor({9, 5, 2}).unsqueeze(1);
  const auto mask = torch::arange(9) < lengths;
  return {torch::randint(1, 31, {3, 9}) * mask, (torch::arange(9) >= 4) * mask.to(torch::kInt64), mask};
}

TokenInputs row(const TokenInputs& inputs, std::int64_t b, std::int64_t tokens) {
  const auto of = [&](const Tensor& x) { return x.narrow(0, b, 1).narrow(1, 0, tokens); };
  return {of(inputs.ids), of(inputs.token_type_ids), of(inputs.attention_mask)};
}

/// Renames the tensors of the folder's weights.
void rename_weights(const std::filesystem::path& dir, const std::function<std::string(const std::string&)>& name) {
  StateDict renamed;
  for (const auto& item : load_safetensors(dir / "model.safetensors"))
    renamed.insert(name(item.key()), item.value().clone());
  save_safetensors(dir / "model.safetensors", renamed);
}

}  // namespace

TEST_CASE("BERT's presets have the published parameter counts") {
  const SkipInit untouched_memory;
  CHECK(parameter_count(*BertModel(BertConfig::preset("bert-base"))) == 109'482'240);
  CHECK(parameter_count(*BertModel(BertConfig::preset("bert-large"))) == 335'141'888);
  CHECK(parameter_count(*BertModel(BertConfig::preset("bert-base-cased"))) == 108'310'272);
  CHECK(parameter_count(*BertModel(BertConfig::preset("bert-tiny"))) == 4'385'920);
  CHECK(parameter_count(*BertModel(BertConfig::preset("bert-mini"))) == 11'170'560);
  CHECK(parameter_count(*BertModel(BertConfig::preset("bert-small"))) == 28'763'648);
  CHECK(parameter_count(*BertModel(BertConfig::preset("bert-medium"))) == 41'373'184);
  CHECK(parameter_count(*BertModel(BertConfig::preset("tinybert-4l"))) == 14'350'248);
  CHECK(parameter_count(*BertModel(BertConfig::preset("tinybert-6l"))) == 66'955'008);
  CHECK(parameter_count(*BertForPreTraining(BertConfig())) == 110'106'428);
  CHECK(parameter_count(*BertForMaskedLm(BertConfig())) == 109'514'298);
  CHECK(parameter_count(*BertForQuestionAnswering(BertConfig())) == 108'893'186);
  CHECK(parameter_count(*BertForSequenceClassification(BertConfig())) == 109'483'778);
  CHECK_THROWS_WITH(BertConfig::preset("bert-huge"), Contains("bert-huge") && Contains("bert-medium"));
}

TEST_CASE("what an encoder gives has the inputs' shape, down to one token and rows of padding") {
  BertModel model(tiny());
  for (const auto& [rows, tokens] : std::vector<std::pair<int, int>>{{1, 1}, {3, 1}, {1, 16}, {3, 7}}) {
    const auto out = model->encode({.ids = torch::ones({rows, tokens}, torch::kInt64)},
                                   {.hidden_states = true, .attentions = true, .attention_scores = true});
    CHECK(out.hidden.sizes() == torch::IntArrayRef({rows, tokens, 12}));
    CHECK(out.pooled.sizes() == torch::IntArrayRef({rows, 12}));
    REQUIRE(out.hidden_states.size() == 3);
    CHECK(torch::equal(out.hidden_states.back(), out.hidden));
    REQUIRE(out.attentions.size() == 2);
    CHECK(out.attentions[1].sizes() == torch::IntArrayRef({rows, 3, tokens, tokens}));
    CHECK(max_difference(out.attention_scores[1].softmax(-1), out.attentions[1]) < 1e-6);
  }
  auto inputs = batch();
  inputs.attention_mask = torch::zeros({3, 9});
  CHECK(model->encode(inputs).hidden.isfinite().all().item<bool>());
  inputs.attention_mask[1].fill_(1);
  const auto one = model->encode(inputs);
  CHECK(one.hidden.isfinite().all().item<bool>());
  CHECK(one.hidden[0].abs().max().item<double>() == 0);
}

TEST_CASE("neither padding nor the other rows change what a row gives") {
  const std::string positions = GENERATE("absolute", "relative_key", "relative_key_query");
  auto config = tiny();
  config.position_embedding_type = positions;
  BertModel model(config);
  const auto inputs = batch();
  const auto together = model->encode(inputs, {.hidden_states = true});
  auto padded = inputs;
  padded.compute_padding = true;
  const auto states = model->encode(padded).hidden;
  const auto recorded = model->encode(inputs, {.attentions = true}).hidden;
  for (const auto& [b, tokens] : std::vector<std::pair<int, int>>{{0, 9}, {1, 5}, {2, 2}}) {
    const auto alone = model->encode(row(inputs, b, tokens));
    const auto first = [&, n = tokens, r = b](const Tensor& x) { return x.narrow(0, r, 1).narrow(1, 0, n); };
    CHECK(max_difference(first(together.hidden), alone.hidden) < 1e-5);
    CHECK(max_difference(first(together.hidden_states[1]),
                         model->encode(row(inputs, b, tokens), {.hidden_states = true}).hidden_states[1]) < 1e-5);
    CHECK(max_difference(first(states), alone.hidden) < 1e-5);
    CHECK(max_difference(first(recorded), alone.hidden) < 1e-5);
    CHECK(max_difference(together.pooled.narrow(0, b, 1), alone.pooled) < 1e-5);
  }
}

TEST_CASE("every token sees every other, and its segment") {
  BertModel model(tiny());
  const auto inputs = batch();
  const auto before = model->encode(row(inputs, 0, 9)).hidden;
  auto changed = row(inputs, 0, 9);
  changed.ids = changed.ids.clone();
  changed.ids[0][8] = 1 + changed.ids[0][8].item<std::int64_t>() % 29;
  CHECK((model->encode(changed).hidden - before).abs().amax(-1).min().item<double>() > 1e-5);
  changed = row(inputs, 0, 9);
  changed.token_type_ids = Tensor();
  CHECK((model->encode(changed).hidden - before).abs().amax(-1).min().item<double>() > 1e-5);
}

TEST_CASE("dropout is drawn in training only") {
  BertForSequenceClassification model(tiny(0.4));
  const auto inputs = batch();
  CHECK_FALSE(torch::equal(model->logits(inputs), model->logits(inputs)));
  model->eval();
  CHECK(torch::equal(model->logits(inputs), model->logits(inputs)));
}

TEST_CASE("running the layers again in the backward pass changes no gradient") {
  auto model = BertForMaskedLm(tiny(0.2));
  const auto inputs = batch();
  const auto gradients = [&](bool again) {
    model->base->set_gradient_checkpointing(again);
    model->zero_grad();
    torch::manual_seed(3);
    model->loss_sum(inputs, inputs.ids).backward();
    std::vector<Tensor> result;
    for (const auto& parameter : model->parameters()) result.push_back(parameter.grad().clone());
    return result;
  };
  const auto plain = gradients(false), again = gradients(true);
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(max_difference(plain[i], again[i]) < 1e-6);
}

TEST_CASE("the masked LM's output layer is the embedding, and learns from both ends") {
  BertForMaskedLm model(tiny());
  const auto inputs = batch();
  const auto labels = torch::full_like(inputs.ids, -100);
  CHECK(model->loss_sum(inputs, labels).item<double>() == 0);
  labels[0][3] = 7;
  model->loss_sum(inputs, labels).backward();
  const auto gradient = model->base->word_embeddings().grad();
  CHECK(gradient.abs().amax(1).gt(0).all().item<bool>());  // the softmax has every word
  CHECK(state_dict(*model).find("cls.predictions.decoder.weight") == nullptr);
  CHECK_THROWS_WITH(model->loss_sum(inputs, labels.narrow(1, 0, 3)), Contains("labels must be (B,T)"));
}

TEST_CASE("inputs that do not fit are refused") {
  BertModel model(tiny());
  const auto ids = torch::ones({2, 3}, torch::kInt64);
  CHECK_THROWS_WITH(model->encode({.ids = torch::ones({1, 17}, torch::kInt64)}), Contains("bert: 17 tokens"));
  CHECK_THROWS_WITH(model->encode({.ids = ids[0]}), Contains("ids must be (B,T)"));
  CHECK_THROWS_WITH(model->encode({}), Contains("ids must be (B,T)"));
  CHECK_THROWS_WITH(model->encode({.ids = ids, .attention_mask = torch::ones({2, 4})}), Contains("attention_mask"));
  CHECK_THROWS_WITH(model->encode({.ids = ids, .token_type_ids = ids[0]}), Contains("token_type_ids"));
  BertForMultipleChoice choice(tiny());
  CHECK_THROWS_WITH(choice->logits({.ids = ids}), Contains("(B,choices,T)"));
}

TEST_CASE("configs that cannot be are refused, decoders among them") {
  const auto with = [](const std::string& key, const std::string& value) {
    return config_from_json<BertConfig>("{\"" + key + "\": " + value + "}", "here");
  };
  CHECK_THROWS_WITH(with("is_decoder", "true"), Contains("is_decoder") && Contains("both directions"));
  CHECK_THROWS_WITH(with("add_cross_attention", "true"), Contains("add_cross_attention"));
  CHECK_THROWS_WITH(with("hidden_act", "\"swoosh\""), Contains("bert config: hidden_act") && Contains("swoosh"));
  CHECK_THROWS_WITH(with("num_attention_heads", "7"), Contains("hidden_size = 768") && Contains("7"));
  CHECK_THROWS_WITH(with("position_embedding_type", "\"rotary\""), Contains("rotary") && Contains("relative_key"));
  CHECK_THROWS_WITH(with("problem_type", "\"poetry\""), Contains("poetry") && Contains("regression"));
  auto three = tiny();
  three.labels = ClassLabels::of({"a", "b", "c"});
  CHECK_THROWS_WITH(BertForQuestionAnswering(three), Contains("id2label: has 3 labels, question answering has two"));
  CHECK(with("classifier_dropout", "null").problem() == ProblemType::kSingleLabel);
  three.labels = ClassLabels::of({"score"});
  CHECK(three.problem() == ProblemType::kRegression);
}

TEST_CASE("checkpoints load without their head, with a new one, and without a pooler") {
  const TempDir tuned, masked, bare;
  auto config = tiny();
  config.labels = ClassLabels::of({"a", "b", "c"});
  BertForSequenceClassification classifier(config);
  classifier->save_pretrained(tuned.path());
  LoadReport report;
  auto encoder = from_pretrained<BertModel>(tuned.path(), &report);
  CHECK(report.other_heads.size() == 2);
  classifier->eval();
  CHECK(torch::equal(encoder->encode(batch()).pooled, classifier->encoder().encode(batch()).pooled));

  auto masked_lm = from_pretrained<BertForMaskedLm>(tuned.path(), &report, {.new_head = true});
  CHECK(report.fresh.size() == 5);
  CHECK(report.other_heads.size() == 4);  // the classifier and the pooler
  CHECK_THROWS_WITH(from_pretrained<BertForMaskedLm>(tuned.path()), Contains("cls.predictions.bias"));
  masked_lm->save_pretrained(masked.path());
  CHECK(from_pretrained<BertModel>(masked.path())->pooler.is_empty());
  CHECK_THROWS_WITH(from_pretrained<BertForSequenceClassification>(masked.path()),
                    Contains("bert.pooler.dense.weight"));
  const auto again = from_pretrained<BertForSequenceClassification>(masked.path(), &report, {.new_head = true});
  CHECK(report.fresh.size() == 4);
  CHECK(max_difference(again->base->pooler->bias, torch::zeros({12})) == 0);

  encoder->save_pretrained(bare.path());
  auto tagger = from_pretrained<BertForTokenClassification>(bare.path(), &report, {.new_head = true});
  CHECK(torch::equal(tagger->base->word_embeddings(), encoder->word_embeddings()));
  CHECK(from_pretrained<BertModel>(bare.path(), &report)->encode(batch()).pooled.defined());
  CHECK(report.summary() == "");
}

TEST_CASE("names of old checkpoints are understood") {
  const TempDir dir;
  BertForPreTraining model(tiny());
  model->save_pretrained(dir.path());
  rename_weights(dir.path(), [](const std::string& name) {
    const auto last = name.rfind('.');
    if (name.find("LayerNorm") == std::string::npos) return name;
    return name.substr(0, last) + (name.ends_with("weight") ? ".gamma" : ".beta");
  });
  auto weights = load_safetensors(dir / "model.safetensors");
  weights.insert("bert.embeddings.position_ids", torch::arange(16).unsqueeze(0));
  weights.insert("cls.predictions.decoder.weight", model->base->word_embeddings().detach().clone());
  weights.insert("cls.predictions.decoder.bias", torch::zeros({31}));
  save_safetensors(dir / "old.safetensors", weights);
  std::filesystem::rename(dir / "old.safetensors", dir / "model.safetensors");
  LoadReport report;
  auto loaded = from_pretrained<BertForPreTraining>(dir.path(), &report);
  CHECK(report.ignored.size() == 3);
  CHECK(report.untied.empty());
  model->eval();
  CHECK(torch::equal(loaded->logits(batch()), model->logits(batch())));
}

TEST_CASE("the patterns of each depth meet every parameter of the encoder once") {
  BertForSequenceClassification model(tiny());
  const auto patterns = model->encoder().depth_patterns();
  REQUIRE(patterns.size() == 3);
  std::vector<ParameterRule> rules;
  for (const auto& pattern : patterns) rules.push_back({.pattern = pattern});
  const auto parameters = model->named_parameters();
  const auto matched = match_rules(parameters, rules);
  for (std::size_t i = 0; i < matched.size(); ++i) {
    const auto& name = parameters[i].key();
    INFO(name);
    const bool layer = name.find("encoder.layer.1.") != std::string::npos;
    const bool outside = name.starts_with("classifier.") || name.find("pooler") != std::string::npos;
    CHECK((matched[i] == nullptr) == outside);
    CHECK((matched[i] == &rules[2]) == layer);
  }
}

TEST_CASE("BERT overfits a batch of hidden tokens and sentence labels") {
  torch::manual_seed(1);
  auto config = tiny();
  config.initializer_range = 0.1;
  BertForPreTraining model(config);
  torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(0.02));
  const auto inputs = batch();
  const auto labels = inputs.ids.masked_fill(inputs.ids.remainder(3) != 0, -100).masked_fill(inputs.ids == 0, -100);
  const auto sentence = torch::tensor({0, 1, 0});
  double loss = 0;
  for (int step = 0; step < 60; ++step) {
    optimizer.zero_grad();
    const auto [tokens, order] = model->pretraining_loss(inputs, labels, sentence);
    (tokens + order).backward();
    optimizer.step();
    loss = (tokens + order).item<double>();
  }
  CHECK(loss < 0.1);
}

}  // namespace langzoo::test::bert_test
