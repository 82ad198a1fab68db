#include "tests/support/test.h"

#include "apps/training/task_setup.h"
#include "data/files/config_error.h"
#include "models/causal_lm.h"
#include "models/encoder_decoder.h"
#include "models/gpt/gpt.h"

namespace langzoo::test {

namespace {

Gpt2Config small() {
  Gpt2Config config;
  config.vocab_size = 11;
  config.n_positions = 8;
  config.n_embd = 4;
  config.n_layer = 1;
  config.n_head = 2;
  config.bos_token_id = 0, config.eos_token_id = {0};
  return config;
}

const RegisteredModel& gpt2() {
  return *find_registered_model("gpt2", "GPT2LMHeadModel");
}

}  // namespace

TEST_CASE("a vocabulary smaller than the tokenizer's is refused by the run's key") {
  const auto config = ModelConfig::of(small());
  CHECK_NOTHROW(require_vocabulary(*config, "vocab_size", 11));
  CHECK_NOTHROW(require_vocabulary(*config, "no_such_field", 12));
  CHECK_THROWS_WITH(require_vocabulary(*config, "vocab_size", 12),
                    "model.vocab_size = 11: the tokenizer has 12 tokens");
  CHECK_THROWS_AS(require_vocabulary(*config, "vocab_size", 12), ConfigError);
}

TEST_CASE("a model is made of a run's config as its constructor makes it") {
  torch::manual_seed(3);
  Gpt2LmHeadModel expected(small());
  expected->eval();
  torch::manual_seed(3);
  const auto module = make_model(gpt2(), *ModelConfig::of(small()));
  module->eval();
  const auto lm = as_interface<CausalLm>(module, gpt2(), "model");
  CHECK(&lm->module() == module.get());
  const auto ids = torch::tensor({{1, 2, 3}});
  CHECK(torch::equal(lm->logits(ids), expected->forward(ids).logits));
}

TEST_CASE("what cannot be a model is a ConfigError that names the key; another kind of task's model is refused") {
  auto config = small();
  config.n_head = 3;
  CHECK_THROWS_AS(make_model(gpt2(), *ModelConfig::of(config)), ConfigError);
  CHECK_THROWS_WITH(make_model(gpt2(), *ModelConfig::of(config)),
                    Catch::StartsWith("model: ") && Catch::Contains("n_head"));
  const auto model = make_model(gpt2(), *ModelConfig::of(small()));
  CHECK_THROWS_WITH(as_interface<EncoderDecoder>(model, gpt2(), "runs/a"),
                    "runs/a: GPT2LMHeadModel is no model for this kind of task; langzoo-gpt opens it, for causal-lm");
}

}  // namespace langzoo::test
