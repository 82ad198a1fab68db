// What every language model of the registry promises to tasks that know it as a CausalLm only.
#include "tests/support/test.h"

#include "models/causal_lm.h"
#include "models/encoder_decoder.h"
#include "models/generation/generate.h"
#include "models/gpt/gpt.h"
#include "models/registry.h"

namespace langzoo::test::causal_lm_test {

namespace {

constexpr const char* kSmall = R"({"vocab_size": 13, "n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2,
  "bos_token_id": 0, "eos_token_id": 5})";

std::shared_ptr<torch::nn::Module> make(const std::string& config) {
  torch::manual_seed(1);
  auto model = find_registered_model("gpt2", "GPT2LMHeadModel")->make(config, "config.json");
  model->eval();
  return model;
}

}  // namespace

TEST_CASE("the registry's language models are a CausalLm, a base model is none") {
  CHECK(std::dynamic_pointer_cast<CausalLm>(make(kSmall)) != nullptr);
  const auto base = find_registered_model("gpt2", "GPT2Model")->make(kSmall, "config.json");
  CHECK(std::dynamic_pointer_cast<CausalLm>(base) == nullptr);
  CHECK(std::dynamic_pointer_cast<EncoderDecoder>(make(kSmall)) == nullptr);
}

TEST_CASE("a CausalLm says of its config what tasks ask, and computes as its model") {
  const auto module = make(kSmall);
  const auto lm = std::dynamic_pointer_cast<CausalLm>(module);
  REQUIRE(lm);
  auto& gpt = dynamic_cast<Gpt2LmHeadModelImpl&>(*module);
  CHECK(&lm->module() == module.get());
  CHECK(lm->n_positions() == 16);
  CHECK(lm->vocab_size() == 13);
  CHECK(lm->end_tokens() == std::vector<std::int32_t>{5});
  const auto without = make(R"({"vocab_size": 13, "n_positions": 16, "n_embd": 8, "n_layer": 1, "n_head": 2,
    "bos_token_id": null, "eos_token_id": null})");
  CHECK(std::dynamic_pointer_cast<CausalLm>(without)->end_tokens().empty());

  const auto ids = torch::tensor({{1, 2, 3, 4}, {5, 6, 7, 8}});
  const auto targets = torch::tensor({{2, 3, 4, -100}, {6, 7, 8, 9}});
  CHECK(torch::equal(lm->logits(ids), gpt.forward(ids).logits));
  const auto logits = lm->logits(ids).flatten(0, 1);
  const auto expected = at::cross_entropy_loss(logits, targets.flatten(), {}, at::Reduction::Sum, -100);
  CHECK(lm->loss_sum(ids, targets).item<double>() == Approx(expected.item<double>()));
}

TEST_CASE("decoding that a CausalLm starts gives the logits of its model, and keeps the model alive") {
  auto module = make(kSmall);
  auto lm = std::dynamic_pointer_cast<CausalLm>(module);
  const auto ids = torch::tensor({{1, 2, 3}});
  const auto expected = lm->logits(ids).select(1, -1);
  const auto step = lm->start(torch::ones({1, 3}, torch::kBool), 8);
  lm.reset(), module.reset();
  CHECK(step->capacity() == 8);
  CHECK(torch::allclose(step->step(ids), expected, 1e-5, 1e-6));
}

TEST_CASE("a CausalLm writes a folder that opens as the same model") {
  const TempDir dir;
  const auto lm = std::dynamic_pointer_cast<CausalLm>(make(kSmall));
  lm->save_pretrained(dir / "model");
  const auto read = std::dynamic_pointer_cast<CausalLm>(
      registered_model(dir / "model").load(dir / "model", nullptr, PretrainedOptions()));
  REQUIRE(read);
  const auto ids = torch::tensor({{1, 2, 3}});
  CHECK(torch::equal(read->logits(ids), lm->logits(ids)));
}

}  // namespace langzoo::test::causal_lm_test
