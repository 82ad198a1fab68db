#include "tests/support/test.h"

#include "models/roberta/roberta.h"

namespace langzoo::test::roberta_test {
namespace {

using Catch::Matchers::Contains;

RobertaConfig tiny() {
  RobertaConfig config;
  config.vocab_size = 31;
  config.hidden_size = 12;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 3;
  config.intermediate_size = 17;
  config.max_position_embeddings = 12;
  config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
  config.initializer_range = 0.3;
  return config;
}

}  // namespace

TEST_CASE("RoBERTa's presets have the published parameter counts") {
  const SkipInit untouched_memory;
  const auto count = [](const torch::nn::Module& module) {
    std::int64_t sum = 0;
    for (const auto& parameter : module.parameters()) sum += parameter.numel();
    return sum;
  };
  CHECK(count(*RobertaModel(RobertaConfig::preset("roberta-base"))) == 124'645'632);
  CHECK(count(*RobertaModel(RobertaConfig::preset("roberta-large"))) == 355'359'744);
  CHECK_THROWS_WITH(RobertaConfig::preset("roberta-tiny"), Contains("roberta-base"));
}

TEST_CASE("places are counted from the padding's id on, whatever stands before") {
  RobertaModel model(tiny());
  CHECK(model->n_positions() == 10);
  const auto ids = torch::tensor({{5, 6, 7}}), padded = torch::tensor({{1, 1, 5, 6, 7, 1}});
  const auto alone = model->encode({.ids = ids}).hidden;
  const auto among = model->encode({.ids = padded, .attention_mask = padded != 1}).hidden;
  CHECK(max_difference(among.narrow(1, 2, 3), alone) < 1e-5);
  CHECK_THROWS_WITH(model->encode({.ids = torch::full({1, 11}, 5)}), Contains("roberta: 11 tokens"));
}

TEST_CASE("a RoBERTa without padding, or places for it, is refused") {
  auto config = tiny();
  config.pad_token_id.reset();
  CHECK_THROWS_WITH(RobertaModel(config), Contains("pad_token_id"));
  config.pad_token_id = 11;
  CHECK_THROWS_WITH(RobertaModel(config), Contains("max_position_embeddings = 12"));
}

}  // namespace langzoo::test::roberta_test
