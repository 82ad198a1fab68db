#include "tests/support/test.h"

#include "models/io/safetensors.h"
#include "models/transformer/transformer_lm.h"

namespace langzoo::test::transformer_lm_test {

namespace {

TransformerLm made(bool normalize_before, const std::string& positions) {
  TransformerLmConfig config;
  config.vocab_size = 13, config.max_position_embeddings = 12, config.d_model = 8, config.decoder_layers = 2;
  config.decoder_attention_heads = 2, config.decoder_ffn_dim = 12;
  config.normalize_before = normalize_before;
  config.position_embedding_type = positions;
  config.eos_token_id = {1};
  torch::manual_seed(6);
  TransformerLm model(config);
  model->eval();
  return model;
}

torch::Tensor some_ids(std::int64_t rows, std::int64_t steps) {
  return torch::arange(rows * steps).view({rows, steps}) * 7 % 13;
}

}  // namespace

TEST_CASE("the Transformer language model is transformers' MarianForCausalLM: logits, loss, gradients by name") {
  const auto golden = load_safetensors(fixture("rnn_lm/transformer/golden.safetensors"));
  auto model = from_pretrained<TransformerLm>(fixture("rnn_lm/transformer"));
  CHECK(max_difference(model->logits(golden["ids"]), golden["logits"]) < 2e-5);
  const auto loss = model->loss_sum(golden["ids"], golden["targets"]);
  CHECK(loss.item<double>() == Approx(golden["loss"].item<double>()).epsilon(1e-5));
  loss.backward();
  for (const auto& item : model->named_parameters()) {
    INFO(item.key());
    CHECK(max_difference(item.value().grad(), golden["grad." + item.key()]) < 1e-4);
  }
}

TEST_CASE("no token sees later ones, and steps over caches are the forward pass, padded or not") {
  for (const bool before : {false, true}) {
    for (const std::string positions : {"sinusoidal", "interleaved", "learned"}) {
      auto model = made(before, positions);
      const auto ids = some_ids(3, 8);
      const auto expected = model->logits(ids);
      auto changed = ids.clone();
      changed.select(1, 5).fill_(2);
      CHECK(max_difference(model->logits(changed).narrow(1, 0, 5), expected.narrow(1, 0, 5)) < 1e-6);

      auto mask = torch::ones({3, 5}, torch::kBool);
      mask[1].narrow(0, 0, 3).fill_(false);
      const auto step = model->start(mask, 8);
      auto logits = step->step(ids.narrow(1, 0, 5));
      for (std::int64_t t = 5; t < 8; ++t) {
        CHECK(max_difference(logits[0], expected[0][t - 1]) < 1e-5);
        CHECK(max_difference(logits[1], model->logits(ids[1].narrow(0, 3, t - 3).unsqueeze(0))[0][-1]) < 1e-5);
        logits = step->step(ids.narrow(1, t, 1));
      }
      step->reorder(torch::tensor({2}));
      CHECK_THROWS_AS(step->step(torch::zeros({1, 1}, torch::kInt64)), std::invalid_argument);
    }
  }
}

TEST_CASE("a Transformer language model saves, loads, shows its attention and learns") {
  const TempDir dir;
  auto model = made(true, "learned");
  model->save_pretrained(dir.path());
  CHECK_FALSE(load_safetensors(dir / "model.safetensors").contains("lm_head.weight"));
  auto loaded = from_pretrained<TransformerLm>(dir.path());
  const auto ids = some_ids(2, 10);
  CHECK(torch::equal(loaded->logits(ids), model->logits(ids)));
  CHECK(model->attentions(ids, 1000).layers.size() == 2);
  CHECK(model->prompt_start() == 1);
  CHECK_THROWS_WITH(model->logits(some_ids(1, 13)), Catch::Contains("max_position_embeddings = 12"));

  const auto targets = torch::roll(ids, -1, 1);
  model->train();
  double loss = 0;
  for (int i = 0; i < 150; ++i) {
    const auto sum = model->loss_sum(ids, targets) / 20;
    model->zero_grad();
    sum.backward();
    const torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters()) parameter.sub_(parameter.grad(), 0.1);
    loss = sum.item<double>();
  }
  CHECK(loss < 1.0);
}

}  // namespace langzoo::test::transformer_lm_test
