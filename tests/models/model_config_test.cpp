#include "tests/support/test.h"

#include "models/gpt/gpt.h"
#include "models/model_config.h"
#include "models/seq2seq/seq2seq_config.h"

namespace langzoo::test {

TEST_CASE("a family's config is read, changed and written without naming the family") {
  const auto config = ModelConfig::of(Gpt2Config());
  const auto fields = fields_in(*config);
  CHECK(find_field(fields, "n_layer")->set("3"));
  CHECK(config->as<Gpt2Config>().n_layer == 3);
  CHECK(config->to_json() == write_fields(config->as<Gpt2Config>()));
  CHECK_NOTHROW(config->validate());
  CHECK(find_field(fields, "n_head")->set("7"));
  CHECK_THROWS_WITH(config->validate(), "gpt2 config: n_embd = 768 must be a multiple of n_head = 7");
  CHECK_THROWS_AS(config->as<Seq2SeqConfig>(), std::bad_cast);
}

}  // namespace langzoo::test
