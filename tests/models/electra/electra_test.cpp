#include "tests/support/test.h"

#include "models/electra/electra.h"

namespace langzoo::test::electra_test {
namespace {

using Catch::Matchers::Contains;

std::int64_t parameter_count(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace

TEST_CASE("ELECTRA's presets have the published parameter counts") {
  const SkipInit untouched_memory;
  const auto small = ElectraConfig::preset("electra-small");
  CHECK(parameter_count(*ElectraModel(small)) == 13'483'008);
  CHECK(parameter_count(*ElectraForPreTraining(small)) == 13'549'057);
  CHECK(parameter_count(*ElectraModel(small.generator(0.25))) == 4'580'928);
  CHECK(parameter_count(*ElectraModel(ElectraConfig::preset("electra-base"))) == 108'891'648);
  CHECK_THROWS_WITH(ElectraConfig::preset("electra"), Contains("electra-large"));
}

TEST_CASE("a generator is a fraction as wide, of whole heads, and keeps the embeddings") {
  const auto generator = ElectraConfig::preset("electra-base").generator(1.0 / 3);
  CHECK(generator.hidden_size == 256);
  CHECK(generator.num_attention_heads == 4);
  CHECK(generator.intermediate_size == 1024);
  CHECK(generator.embedding_size == 768);
  CHECK(generator.num_hidden_layers == 12);
  CHECK_THROWS_WITH(ElectraConfig().generator(0), Contains("in (0, 1]"));
}

TEST_CASE("summaries that are not the first token's are refused") {
  const auto with = [](const std::string& text) { return config_from_json<ElectraConfig>(text, "here"); };
  CHECK_THROWS_WITH(with(R"({"summary_type": "mean"})"), Contains("summary_type"));
  CHECK_THROWS_WITH(with(R"({"summary_use_proj": false})"), Contains("summary_use_proj"));
  CHECK_THROWS_WITH(with(R"({"summary_activation": "swoosh"})"), Contains("electra config: summary_activation"));
}

}  // namespace langzoo::test::electra_test
