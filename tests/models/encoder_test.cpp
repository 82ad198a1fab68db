// What holds for all encoders, whatever their family.
#include "tests/support/test.h"

#include <torch/optim/adamw.h>

#include "models/encoder_stack.h"
#include "models/masked_lm.h"
#include "models/optim/autocast.h"
#include "models/optim/parameter_rule.h"
#include "models/registry.h"

namespace langzoo::test::encoder_test {
namespace {

using torch::Tensor;

constexpr const char* kFamilies[] = {"bert", "roberta", "albert", "electra", "distilbert"};

/// A masked LM of the family; keys of other families are passed over.
std::shared_ptr<torch::nn::Module> tiny(const std::string& family, const std::string& more = "") {
  torch::manual_seed(7);
  const std::string text =
      R"({"vocab_size": 31, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "dim": 12, "n_heads": 3,
          "n_layers": 2, "intermediate_size": 17, "hidden_dim": 17, "max_position_embeddings": 16, "embedding_size": 8,
          "hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0, "dropout": 0, "attention_dropout": 0,
          "initializer_range": 0.2)";
  return find_registered_model(family)->make(text + more + "}", "test");
}

MaskedLm& masked_lm(torch::nn::Module& module) {
  return dynamic_cast<MaskedLm&>(module);
}
Encoder& encoder(torch::nn::Module& module) {
  return dynamic_cast<EncoderModel&>(module).encoder();
}

/// Rows of 9, 5 and 1 tokens, padded with RoBERTa's padding.
TokenInputs batch() {
  torch::manual_seed(5);
  const auto mask = torch::arange(9) < torch::tensor({{9}, {5}, {1}});
  return {.ids = torch::randint(2, 31, {3, 9}).masked_fill(mask == 0, 1), .attention_mask = mask};
}

}  // namespace

TEST_CASE("of every family, neither padding nor the other rows change what a row gives") {
  const std::string family = GENERATE(from_range(std::begin(kFamilies), std::end(kFamilies)));
  INFO(family);
  const auto model = tiny(family);
  const auto inputs = batch();
  const auto together = masked_lm(*model).logits(inputs);
  for (const auto& [b, tokens] : std::vector<std::pair<int, int>>{{0, 9}, {1, 5}, {2, 1}}) {
    const auto ids = inputs.ids.narrow(0, b, 1).narrow(1, 0, tokens);
    const auto alone = masked_lm(*model).logits({.ids = ids});
    CHECK(alone.sizes() == torch::IntArrayRef({1, tokens, 31}));
    CHECK(max_difference(together.narrow(0, b, 1).narrow(1, 0, tokens), alone) < 1e-5);
  }
}

TEST_CASE("of every family, a masked LM overfits a batch") {
  const std::string family = GENERATE(from_range(std::begin(kFamilies), std::end(kFamilies)));
  INFO(family);
  const auto model = tiny(family);
  torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(0.02));
  const auto inputs = batch();
  const auto labels = inputs.ids.masked_fill((torch::arange(9).remainder(2) == 1) | (inputs.attention_mask == 0), -100);
  const double count = (labels != -100).sum().item<double>();
  REQUIRE(count > 2);
  double loss = 0;
  for (int step = 0; step < 60 && (step == 0 || loss > 0.1); ++step) {
    optimizer.zero_grad();
    const auto sum = masked_lm(*model).loss_sum(inputs, labels);
    sum.backward();
    optimizer.step();
    loss = sum.item<double>() / count;
  }
  CHECK(loss <= 0.1);
}

TEST_CASE("of every family, the patterns of each depth meet every parameter below the layers' end once") {
  const std::string family = GENERATE(from_range(std::begin(kFamilies), std::end(kFamilies)));
  INFO(family);
  const auto model = tiny(family);
  const auto patterns = encoder(*model).depth_patterns();
  CHECK(patterns.size() == (family == "albert" ? 2 : 3));
  std::vector<ParameterRule> rules;
  for (const auto& pattern : patterns) rules.push_back({.pattern = pattern});
  const auto parameters = model->named_parameters();
  const auto matched = match_rules(parameters, rules);
  for (std::size_t i = 0; i < matched.size(); ++i) {
    INFO(parameters[i].key());
    CHECK((matched[i] != nullptr) == parameters[i].key().starts_with(family + "."));
  }
}

TEST_CASE("of every family, layers that are computed again give the same gradients, dropout included") {
  const std::string family = GENERATE(from_range(std::begin(kFamilies), std::end(kFamilies)));
  INFO(family);
  const auto model = tiny(family, R"(, "hidden_dropout_prob": 0.3, "dropout": 0.3)");
  const auto gradients = [&](bool checkpointing) {
    encoder(*model).set_gradient_checkpointing(checkpointing);
    model->zero_grad();
    torch::manual_seed(1);
    masked_lm(*model).loss_sum(batch(), batch().ids).backward();
    std::vector<Tensor> all;
    for (const auto& parameter : model->parameters()) all.push_back(parameter.grad().clone());
    return all;
  };
  const auto kept = gradients(false), again = gradients(true);
  REQUIRE(kept.size() == again.size());
  for (std::size_t i = 0; i < kept.size(); ++i) CHECK(max_difference(kept[i], again[i]) < 1e-5);
}

TEST_CASE("of every family, files may name several tokens that end a text") {
  const std::string family = GENERATE(from_range(std::begin(kFamilies), std::end(kFamilies)));
  const auto model = tiny(family, R"(, "eos_token_id": [1, 2])");
  const TempDir dir;
  dynamic_cast<TaskModel&>(*model).save_pretrained(dir.path());
  CHECK_THAT(read_file(dir / "config.json"), Catch::Contains("\"eos_token_id\": ["));
}

TEST_CASE("encoders compute in bfloat16, as they are or under autocast, nearly the same") {
  const std::string positions = GENERATE("absolute", "relative_key_query");
  INFO(positions);
  const auto model = tiny("bert", R"(, "position_embedding_type": ")" + positions + '"');
  model->eval();
  const auto inputs = batch();
  const auto exact = masked_lm(*model).logits(inputs);
  const double scale = exact.abs().max().item<double>();
  {
    const AutocastGuard autocast(torch::kCPU, torch::kBFloat16);
    CHECK(max_difference(masked_lm(*model).logits(inputs).to(torch::kFloat32), exact) < 0.05 * scale);
    const auto loss = masked_lm(*model).loss_sum(inputs, inputs.ids);
    loss.backward();
    CHECK(encoder(*model).width() == 12);
  }
  for (const auto& parameter : model->named_parameters()) {
    const auto& gradient = parameter.value().grad();
    INFO(parameter.key());
    CHECK((!gradient.defined() || gradient.isfinite().all().item<bool>()));
  }
  model->to(torch::kBFloat16);
  CHECK(max_difference(masked_lm(*model).logits(inputs).to(torch::kFloat32), exact) < 0.1 * scale);
}

}  // namespace langzoo::test::encoder_test
