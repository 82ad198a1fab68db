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
  const auto copy = config->copy();
  CHECK(find_field(fields_in(*copy), "n_head")->set("12"));
  CHECK_NOTHROW(copy->validate());
  CHECK_THROWS_AS(config->validate(), std::invalid_argument);
}

TEST_CASE("a config is checked before its tokenizers are there") {
  Seq2SeqConfig open;
  open.source_vocab_size = open.target_vocab_size = open.decoder_start_token_id = kFromTokenizer;
  open.bos_token_id.reset();
  open.eos_token_id = {70'000};
  const auto checked = [&] {
    const auto config = ModelConfig::of(open);
    config->validate_without_tokenizers();
    CHECK(config->as<Seq2SeqConfig>().source_vocab_size == kFromTokenizer);
  };
  CHECK_THROWS_AS(open.validate(), std::invalid_argument);
  CHECK_NOTHROW(checked());
  open.shared_embeddings = true;
  CHECK_NOTHROW(checked());
  open.decoder_layers = 2;
  CHECK_THROWS_WITH(checked(), Catch::Contains("decoder_layers = 2"));
  open.decoder_layers = 1;
  open.target_vocab_size = 60'000;
  CHECK_THROWS_WITH(checked(), Catch::Contains("eos_token_id = 70000"));
}

}  // namespace langzoo::test
