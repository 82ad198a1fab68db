#include "tests/support/test.h"

#include "models/gpt/gpt_neo.h"
#include "models/gpt/openai_gpt.h"
#include "models/layers/masks.h"

namespace langzoo::test {
namespace {

using Catch::Matchers::Contains;

GptNeoConfig tiny(std::vector<RepeatedNames> types) {
  GptNeoConfig config;
  config.vocab_size = 23;
  config.max_position_embeddings = 40;
  config.hidden_size = 8;
  config.num_heads = 2;
  config.num_layers = 0;
  for (const auto& [names, times] : types) config.num_layers += times * std::ssize(names);
  config.attention_types = std::move(types);
  config.window_size = 5;
  config.initializer_range = 0.3;
  config.bos_token_id.reset();
  config.eos_token_id.clear();
  return config;
}

std::int64_t parameters(const torch::nn::Module& model) {
  std::int64_t count = 0;
  for (const auto& parameter : model.parameters()) count += parameter.numel();
  return count;
}

}  // namespace

TEST_CASE("a local layer is a dense one with the band as its mask") {
  torch::manual_seed(1);
  const auto config = tiny({{{"local"}, 1}});
  GptNeoSelfAttention local(config, AttentionPattern::kLocal), dense(config, AttentionPattern::kGlobal);
  for (const auto& parameter : dense->named_parameters()) {
    const torch::NoGradGuard no_grad;
    parameter.value().copy_(local->named_parameters()[parameter.key()]);
  }
  const auto x = torch::randn({2, 13, 8});
  const auto band = place_bias(13, 13, /*causal=*/true, config.window_size, x.options());
  CHECK(max_difference(local(x), dense(x, band)) < 1e-6);
  // Tokens out of the window are not seen.
  auto changed = x.clone();
  changed.select(1, 3).fill_(7);
  const auto before = local(x), after = local(changed);
  CHECK(torch::equal(before.slice(1, 8), after.slice(1, 8)));
  CHECK_FALSE(torch::allclose(before.select(1, 7), after.select(1, 7)));
}

TEST_CASE("a strided layer sees the last tokens and every so manieth before them") {
  torch::manual_seed(2);
  const auto config = tiny({{{"strided"}, 1}});
  GptNeoSelfAttention strided(config, AttentionPattern::kStrided);
  AttentionWeights weights{AttentionKind::kDecoder};
  strided(torch::randn({1, 14, 8}), torch::Tensor(), nullptr, &weights);
  const auto seen = weights.layers.at(0)[0][0] > 0;  // (T,S)
  for (std::int64_t query = 0; query < 14; ++query) {
    for (std::int64_t key = 0; key < 14; ++key) {
      INFO(query << " " << key);
      const auto distance = query - key;
      CHECK(seen[query][key].item<bool>() == (distance >= 0 && (distance < 5 || distance % 5 == 0)));
    }
  }
}

TEST_CASE("cached is uncached beyond the window, however the tokens come") {
  torch::manual_seed(3);
  GptNeoForCausalLm model(tiny({{{"global", "local", "strided"}, 1}, {{"local"}, 1}}));
  model->eval();
  const auto ids = torch::randint(23, {2, 37});
  const torch::NoGradGuard no_grad;
  const auto full = model->forward(ids).logits;
  for (const auto& pieces : std::vector<std::vector<std::int64_t>>{
           std::vector<std::int64_t>(37, 1), {20, 1, 1, 15}, {3, 4, 1, 9, 12, 1, 7}, {37}, {11, 26}}) {
    const auto step = model->start({}, 40);
    std::int64_t past = 0;
    for (const auto tokens : pieces) {
      const auto logits = step->all_logits(ids.narrow(1, past, tokens));
      CHECK(max_difference(logits, full.narrow(1, past, tokens)) < 1e-5);
      past += tokens;
    }
  }
}

TEST_CASE("padding on the left hides nothing but itself, also beyond the window") {
  torch::manual_seed(4);
  GptNeoForCausalLm model(tiny({{{"global", "local"}, 1}}));
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto ids = torch::randint(23, {1, 6});
  auto padded = torch::cat({torch::zeros({1, 4}, torch::kInt64), ids}, 1);
  auto mask = torch::ones({1, 10}, torch::kBool);
  mask.narrow(1, 0, 4).fill_(false);
  const auto alone = model->start({}, 30), beside = model->start(mask, 30);
  auto a = alone->step(ids), b = beside->step(padded);
  for (int i = 0; i < 16; ++i) {
    CHECK(max_difference(a, b) < 1e-5);
    const auto next = a.argmax(-1, /*keepdim=*/true);
    a = alone->step(next), b = beside->step(next);
  }
}

TEST_CASE("the published sizes have the published numbers of parameters") {
  const SkipInit only_sizes;
  CHECK(parameters(*OpenAiGptLmHeadModel(OpenAiGptConfig())) == 116'534'784);
  GptNeoConfig small;
  small.num_layers = small.num_heads = 12;
  small.hidden_size = 768;
  small.attention_types = {{{"global", "local"}, 6}};
  CHECK(parameters(*GptNeoForCausalLm(small)) == 125'198'592);
}

TEST_CASE("the layers' kinds are read from the config and written to it") {
  const auto config = tiny({{{"global", "local"}, 2}, {{"strided"}, 1}});
  const auto text = write_fields(config);
  CHECK_THAT(text, !Contains("attention_layers"));
  const auto again = config_from_json<GptNeoConfig>(text, "here");
  CHECK((again.patterns() == config.patterns()));
  CHECK((again.patterns()[4] == AttentionPattern::kStrided));

  const auto with = [](const std::string& keys) {
    return config_from_json<GptNeoConfig>(R"({"num_layers": 2, "hidden_size": 8, "num_heads": 2, )" + keys + "}",
                                          "here");
  };
  CHECK(with(R"("attention_types": [[["local"], 2]], "attention_layers": ["local", "local"])").patterns().size() == 2);
  CHECK_THROWS_WITH(with(R"("attention_types": [[["local"], 2]], "attention_layers": ["local", "global"])"),
                    Contains("attention_layers"));
  CHECK_THROWS_WITH(with(R"("attention_types": [[["local"], 3]])"), Contains("more layers than num_layers = 2"));
  CHECK_THROWS_WITH(with(R"("attention_types": [[["local"], 1]])"), Contains("fewer layers"));
  CHECK_THROWS_WITH(with(R"("attention_types": [[["near"], 2]])"), Contains("\"near\" is not known"));
  CHECK_THROWS_WITH(with(R"("attention_types": [["local", 2]])"), Contains("attention_types: is"));
  CHECK_THROWS_WITH(with(R"("attention_types": [[["local"], 99999999]])"), Contains("attention_types"));
}

}  // namespace langzoo::test
