#include "tests/support/test.h"

#include "models/albert/albert.h"
#include "models/io/safetensors.h"

namespace langzoo::test::albert_test {
namespace {

using Catch::Matchers::Contains;
using torch::Tensor;

AlbertConfig tiny(const std::string& sharing = "all") {
  AlbertConfig config;
  config.vocab_size = 31;
  config.embedding_size = 5;
  config.hidden_size = 12;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 3;
  config.intermediate_size = 17;
  config.max_position_embeddings = 16;
  config.initializer_range = 0.3;
  config.parameter_sharing = sharing;
  return config;
}

std::int64_t parameter_count(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const auto& item : state_dict(module)) count += item.value().numel();  // what is shared counts once
  return count;
}

TokenInputs some_inputs() {
  torch::manual_seed(4);
  return {torch::randint(1, 31, {2, 7})};
}

}  // namespace

TEST_CASE("ALBERT's presets have the published parameter counts, whatever the depth") {
  const SkipInit untouched_memory;
  auto base = AlbertConfig::preset("albert-base");
  CHECK(parameter_count(*AlbertModel(base)) == 11'683'584);
  CHECK(parameter_count(*AlbertForPreTraining(base)) == 11'813'810);
  CHECK(parameter_count(*AlbertModel(AlbertConfig::preset("albert-large"))) == 17'683'968);
  CHECK(parameter_count(*AlbertModel(AlbertConfig::preset("albert-xlarge"))) == 58'724'864);
  CHECK(parameter_count(*AlbertModel(AlbertConfig::preset("albert-xxlarge"))) == 222'595'584);
  base.num_hidden_layers = 48;
  CHECK(parameter_count(*AlbertModel(base)) == 11'683'584);
  CHECK_THROWS_WITH(AlbertConfig::preset("albert"), Contains("albert-base"));
}

TEST_CASE("layers share all, their attention, their feed-forward layers or nothing") {
  const AlbertModel all(tiny()), attention(tiny("attention")), feed_forward(tiny("feed_forward")), none(tiny("none"));
  const std::int64_t of_attention = 4 * (12 * 12 + 12) + 2 * 12, of_feed_forward = 2 * 12 * 17 + 17 + 12 + 2 * 12;
  const auto rest = parameter_count(*all) - of_attention - of_feed_forward;
  CHECK(parameter_count(*attention) == rest + of_attention + 3 * of_feed_forward);
  CHECK(parameter_count(*feed_forward) == rest + 3 * of_attention + of_feed_forward);
  CHECK(parameter_count(*none) == rest + 3 * (of_attention + of_feed_forward));
}

TEST_CASE("what layers share comes back, from files in which every layer has its copy") {
  const std::string sharing = GENERATE("all", "attention", "feed_forward", "none");
  INFO(sharing);
  const TempDir dir;
  AlbertForMaskedLm model(tiny(sharing));
  model->save_pretrained(dir.path());
  const auto file = load_safetensors(dir / "model.safetensors");
  const auto name = [](int group, const char* part) {
    return "albert.encoder.albert_layer_groups." + std::to_string(group) + ".albert_layers.0." + part;
  };
  CHECK(file.contains(name(2, "attention.query.weight")) == (sharing != "all"));
  if (sharing != "all") {
    const auto equal = [&](const char* part) { return torch::equal(file[name(0, part)], file[name(2, part)]); };
    CHECK(equal("attention.query.weight") == (sharing == "attention"));
    CHECK(equal("ffn.weight") == (sharing == "feed_forward"));
    CHECK(read_file(dir / "config.json").find("\"num_hidden_groups\": 3") != std::string::npos);
  }
  LoadReport report;
  auto loaded = from_pretrained<AlbertForMaskedLm>(dir.path(), &report);
  model->eval();
  CHECK(torch::equal(loaded->logits(some_inputs()), model->logits(some_inputs())));
  CHECK(parameter_count(*loaded) == parameter_count(*model));

  // Transformers, which does not know how they share, reads the copies.
  auto config = config_of<AlbertConfig>(dir.path(), AlbertModelImpl::pretrained_traits());
  config.parameter_sharing = "all";
  auto plain = from_pretrained<AlbertForMaskedLm>(dir.path(), config);
  CHECK(torch::equal(plain->logits(some_inputs()), model->logits(some_inputs())));
}

TEST_CASE("the gradient of a shared layer is the sum over the depths at which it runs") {
  AlbertModel shared(tiny());
  auto config = tiny("none");
  AlbertModel separate(config);
  const torch::NoGradGuard copying;
  for (const auto& item : separate->named_parameters()) {
    auto name = item.key();
    const auto group = name.find("albert_layer_groups.");
    if (group != std::string::npos) name[group + 20] = '0';
    item.value().copy_(shared->named_parameters()[name]);
  }
  const torch::AutoGradMode recording(true);
  for (auto* model : {shared.get(), separate.get()}) model->encode(some_inputs()).hidden.square().sum().backward();
  const auto gradient = [](const PostNormLayer& layer) { return layer->query->weight.grad(); };
  Tensor sum = torch::zeros({12, 12});
  for (const auto& layer : separate->layers) sum += gradient(layer);
  CHECK(max_difference(gradient(shared->layers[0]), sum) < 1e-5 * sum.abs().max().item<double>());
}

TEST_CASE("groups that contradict the sharing are refused") {
  auto config = tiny("attention");
  config.num_hidden_groups = 2;
  CHECK_THROWS_WITH(AlbertModel(config), Contains("num_hidden_groups = 2") && Contains("attention"));
}

}  // namespace langzoo::test::albert_test
