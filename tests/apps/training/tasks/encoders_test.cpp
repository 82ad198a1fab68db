#include "tests/support/test.h"

#include "apps/training/tasks/encoders.h"
#include "data/files/config_error.h"
#include "models/albert/albert.h"
#include "models/distilbert/distilbert.h"

namespace langzoo::test::encoders_test {

using Catch::Contains;

TEST_CASE("what transformers has no class for is refused by name, the rest is set up") {
  CHECK_THROWS_WITH(pretraining_setup("roberta", "mlm+nsp"), Contains("roberta has no head for mlm+nsp"));
  CHECK_THROWS_WITH(pretraining_setup("albert", "mlm+nsp"),
                    "albert is not pretrained by mlm+nsp; it is by mlm+sop or mlm");
  CHECK_THROWS_WITH(pretraining_setup("bert", "electra"), Contains("bert is not pretrained by electra"));
  CHECK_THROWS_WITH(pretraining_setup("bert", "clm"), Contains("objective clm: expected one of mlm"));
  CHECK_THROWS_WITH(finetuning_setup("gpt2", "qa"), Contains("model type gpt2: expected one of bert"));
  CHECK_THROWS_WITH(finetuning_setup("bert", "translation"), Contains("task translation: expected one of"));
  for (const auto& type : encoder_types()) {
    CHECK(pretraining_setup(type, usual_objective(type)) != nullptr);
    CHECK(pretraining_setup(type, "mlm") != nullptr);
    CHECK(distillation_setup(type, kDistillation) != nullptr);
    for (const auto& task : finetuning_tasks()) CHECK(finetuning_setup(type, task) != nullptr);
  }
}

TEST_CASE("a config that says nothing is small, and its vocabulary the tokenizer's") {
  CHECK(encoder_config("albert")->as<AlbertConfig>().hidden_size == 256);
  CHECK(encoder_config("distilbert")->as<DistilBertConfig>().n_layers == 4);
  for (const auto& type : encoder_types()) {
    CHECK(find_field(fields_in(*encoder_config(type)), "vocab_size")->json() == "null");
  }
  CHECK_THROWS_AS(encoder_config("gpt2"), std::invalid_argument);
}

}  // namespace langzoo::test::encoders_test
