#include "tests/support/test.h"

#include "apps/training/layer_training.h"
#include "data/files/config_error.h"
#include "models/bert/bert.h"
#include "models/fasttext/fasttext.h"

namespace langzoo::test::layer_training_test {

namespace {

BertForSequenceClassification small_model() {
  BertConfig config;
  config.vocab_size = 10, config.hidden_size = 4, config.num_hidden_layers = 2, config.num_attention_heads = 2;
  config.intermediate_size = 4, config.max_position_embeddings = 8;
  return BertForSequenceClassification(config);
}

/// What holds for the parameter of that name; a rule of nothing where none does.
ParameterRule rule_of(const std::vector<ParameterRule>& rules, torch::nn::Module& model, const std::string& name) {
  const auto parameters = model.named_parameters();
  const auto matched = match_rules(parameters, rules);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].key() == name) return matched[i] != nullptr ? *matched[i] : ParameterRule();
  }
  throw std::invalid_argument(name);
}

}  // namespace

TEST_CASE("rates fall from the head to the embeddings, frozen layers take no part") {
  auto model = small_model();
  CHECK(LayerTraining().apply(*model).empty());
  const auto decayed = LayerTraining{.layer_decay = 0.5}.apply(*model);
  const auto scale = [&](const std::string& name) { return rule_of(decayed, *model, name).lr_scale; };
  CHECK(scale("classifier.weight") == 1);
  CHECK(scale("bert.pooler.dense.weight") == 1);
  CHECK(scale("bert.encoder.layer.1.output.dense.weight") == 0.5);
  CHECK(scale("bert.encoder.layer.0.output.dense.weight") == 0.25);
  CHECK(scale("bert.embeddings.word_embeddings.weight") == 0.125);

  const auto rules = LayerTraining{.freeze_layers = 1}.apply(*model);
  CHECK(rule_of(rules, *model, "bert.embeddings.LayerNorm.bias").frozen);
  CHECK(rule_of(rules, *model, "bert.encoder.layer.0.output.dense.weight").frozen);
  CHECK_FALSE(rule_of(rules, *model, "bert.encoder.layer.1.output.dense.weight").frozen);
  const auto embeddings = LayerTraining{.freeze_embeddings = true}.apply(*model);
  REQUIRE(embeddings.size() == 1);
  CHECK(embeddings[0].frozen);

  CHECK_THROWS_AS(LayerTraining{.freeze_layers = 3}.apply(*model), ConfigError);
  FastTextConfig config;
  config.vocab_size = 3, config.dim = 2;
  FastTextForSequenceClassification other(config);
  CHECK(LayerTraining().apply(*other).empty());
  CHECK_THROWS_AS(LayerTraining{.layer_decay = 0.5}.apply(*other), ConfigError);
}

}  // namespace langzoo::test::layer_training_test
