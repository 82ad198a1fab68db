#include "tests/support/test.h"

#include "models/distilbert/distilbert.h"
#include "models/layers/positions.h"

namespace langzoo::test::distilbert_test {
namespace {

using Catch::Matchers::Contains;

std::int64_t parameter_count(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace

TEST_CASE("DistilBERT has the published parameter counts") {
  const SkipInit untouched_memory;
  CHECK(parameter_count(*DistilBertModel(DistilBertConfig())) == 66'362'880);
  CHECK(parameter_count(*DistilBertForMaskedLm(DistilBertConfig())) == 66'985'530);
}

TEST_CASE("places may begin as sinusoids") {
  DistilBertConfig config;
  config.vocab_size = 9;
  config.dim = 6, config.n_heads = 2, config.hidden_dim = 7, config.n_layers = 1, config.max_position_embeddings = 5;
  config.sinusoidal_pos_embds = true;
  const DistilBertModel model(config);
  CHECK(max_difference(model->embeddings->position_embeddings->weight,
                       sinusoidal_positions(5, 6, SinusoidLayout::kInterleaved)) == 0);
}

TEST_CASE("DistilBERT's config is checked under its own names, and read under BERT's too") {
  const auto with = [](const std::string& text) { return config_from_json<DistilBertConfig>(text, "here"); };
  CHECK_THROWS_WITH(with(R"({"n_heads": 7})"), Contains("distilbert config: dim = 768") && Contains("n_heads = 7"));
  CHECK_THROWS_WITH(with(R"({"activation": "swoosh"})"), Contains("distilbert config: activation"));
  CHECK(with(R"({"num_hidden_layers": 3, "hidden_size": 24, "num_attention_heads": 4})").dim == 24);
}

}  // namespace langzoo::test::distilbert_test
