// torch.nn.Transformer under its own names, by make_torch_transformer.py.
#include "tests/support/test.h"

#include "models/transformer/torch_transformer.h"

#include "models/io/safetensors.h"
#include "models/layers/masks.h"
#include "models/transformer/transformer.h"

namespace langzoo::test::torch_transformer_test {
namespace {

StateDict under(const StateDict& tensors, const std::string& prefix) {
  StateDict found;
  for (const auto& item : tensors) {
    if (item.key().starts_with(prefix)) found.insert(item.key().substr(prefix.size()), item.value());
  }
  return found;
}

TransformerModel empty_model(bool norm_first) {
  TransformerConfig config;
  config.vocab_size = 13;
  config.d_model = 8;
  config.encoder_layers = 2;
  config.decoder_layers = 1;
  config.encoder_attention_heads = config.decoder_attention_heads = 2;
  config.encoder_ffn_dim = config.decoder_ffn_dim = 10;
  config.max_position_embeddings = 8;
  config.activation_function = "relu";
  config.scale_embedding = true;
  config.position_embedding_type = "interleaved";
  config.normalize_before = norm_first;
  config.decoder_start_token_id = 0;
  config.pad_token_id.reset();
  config.dropout = 0;
  return TransformerModel(config);
}

}  // namespace

TEST_CASE("a torch.nn.Transformer's weights give its outputs and gradients, and come back under its names") {
  const bool norm_first = GENERATE(false, true);
  INFO("norm_first = " << norm_first);
  const auto golden =
      load_safetensors(fixture(norm_first ? "transformer/nn_pre.safetensors" : "transformer/nn_post.safetensors"));
  auto model = empty_model(norm_first);
  auto tensors = from_torch_transformer(golden, "transformer.");
  tensors.insert("shared.weight", golden["embedding"]);
  load_state_dict(*model, tensors, {.dtype = torch::kFloat64});

  const auto mask = torch::arange(5).unsqueeze(0) < golden["source_lengths"].unsqueeze(1);
  const auto bias = padding_bias(mask, torch::kFloat64);
  const auto memory = model->decoder->memory(model->encoder(golden["source"], bias), bias);
  const auto hidden = model->decoder->forward(golden["target"], {.memory = &memory}).hidden;
  CHECK(max_difference(hidden, golden["hidden"]) < 1e-9);

  hidden.pow(3).sum().backward();
  StateDict gradients;
  for (const auto& item : model->named_parameters()) gradients.insert(item.key(), item.value().grad());
  const auto renamed = to_torch_transformer(gradients), theirs = under(golden, "grad.");
  REQUIRE(renamed.size() == theirs.size());
  for (const auto& item : theirs) {
    INFO(item.key());
    REQUIRE(renamed.contains(item.key()));
    CHECK(max_difference(renamed[item.key()], item.value()) < 1e-8);
  }

  const auto written = to_torch_transformer(state_dict(*model)), read = under(golden, "transformer.");
  REQUIRE(written.size() == read.size());
  for (const auto& item : read) CHECK(torch::equal(written[item.key()].to(torch::kFloat32), item.value()));
}

TEST_CASE("what is no tensor of torch.nn.Transformer is refused by name") {
  const auto one = [](const std::string& name, torch::IntArrayRef sizes) {
    StateDict tensors;
    tensors.insert(name, torch::zeros(sizes));
    return tensors;
  };
  using Catch::Contains;
  for (const auto* name : {"encoder.layers.0.norm3.weight", "encoder.layers.0.multihead_attn.in_proj_bias",
                           "encoder.layers.0", "generator.weight", "encoder.layers.x.norm1.weight"}) {
    CHECK_THROWS_WITH(from_torch_transformer(one(name, {3})), Contains(name) && Contains("none of its tensors"));
  }
  CHECK_THROWS_WITH(from_torch_transformer(one("decoder.layers.0.self_attn.in_proj_bias", {8})), Contains("[8]"));
  CHECK(from_torch_transformer(one("generator.weight", {3}), "transformer.").is_empty());
  CHECK_THROWS_WITH(to_torch_transformer(one("encoder.layers.0.fc_gate.weight", {3})),
                    Contains("fc_gate.weight has no place"));
  CHECK_THROWS_WITH(to_torch_transformer(one("decoder.layers.0.encoder_attn.q_proj.bias", {3})),
                    Contains("encoder_attn.k_proj.bias is missing"));
  // The last norm of post-norm layers, which our post-norm models do not have.
  auto tensors = from_torch_transformer(load_safetensors(fixture("transformer/nn_pre.safetensors")), "transformer.");
  CHECK_THROWS_WITH(load_state_dict(*empty_model(false), tensors),
                    Contains("unexpected") && Contains("coder.layer_norm"));
}

}  // namespace langzoo::test::torch_transformer_test
