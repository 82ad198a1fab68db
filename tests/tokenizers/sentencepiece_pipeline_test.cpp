#include "tests/support/plain_test.h"

#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "tokenizers/post_processors/post_processor.h"
#include "tokenizers/sentencepiece_pipeline.h"

namespace langzoo::test::sentencepiece_pipeline_test {

using nlohmann::json;

namespace {

std::string bytes_of(const std::string& name) {
  return test::read_file(test::fixture("tokenizers/sentencepiece/" + name + "/spiece.model"));
}

/// The stages are those of the tokenizer.json that transformers makes of the directory.
void check(const SentencePiecePipeline& pipeline, const std::string& name) {
  CAPTURE(name);
  const json expected =
      json::parse(test::read_file(test::fixture("tokenizers/sentencepiece/" + name + "/expected.json")))["tokenizer"];
  const PipelineParts& parts = pipeline.parts;
  CHECK(json::parse(parts.normalizer->to_json()) == expected["normalizer"]);
  CHECK(json::parse(parts.pre_tokenizer->to_json()) == expected["pre_tokenizer"]);
  CHECK(json::parse(parts.decoder->to_json()) == expected["decoder"]);
  CHECK(json::parse(pipeline.rules.post_processor->to_json()) == expected["post_processor"]);
  const json model = json::parse(parts.model->to_json());
  CHECK(model["unk_id"] == expected["model"]["unk_id"]);
  CHECK(model["vocab"] == expected["model"]["vocab"]);
  json added = json::array();
  for (const AddedToken& token : parts.added_tokens) {
    added.push_back({{"id", token.id},
                     {"content", token.content},
                     {"special", token.special},
                     {"normalized", token.normalized},
                     {"single_word", token.single_word},
                     {"lstrip", token.lstrip},
                     {"rstrip", token.rstrip}});
  }
  CHECK(added == expected["added_tokens"]);
}

}  // namespace

TEST_CASE("T5's pipeline is the one of transformers") {
  check(t5_pipeline(bytes_of("t5"), "spiece.model"), "t5");
  check(t5_pipeline(bytes_of("t5_configured"), "spiece.model", 3), "t5_configured");
  const SpecialTokens special = t5_pipeline(bytes_of("t5"), "spiece.model").parts.special_tokens;
  CHECK((special == SpecialTokens{.eos = 1, .unk = 2, .pad = 0}));
}

TEST_CASE("ALBERT's pipeline is the one of transformers") {
  check(albert_pipeline(bytes_of("albert"), "spiece.model"), "albert");
  check(albert_pipeline(bytes_of("albert_accents"), "spiece.model", {.do_lower_case = false, .keep_accents = true}),
        "albert_accents");
  const SpecialTokens special = albert_pipeline(bytes_of("albert"), "spiece.model").parts.special_tokens;
  CHECK((special == SpecialTokens{.bos = 2, .eos = 3, .unk = 1, .sep = 3, .pad = 0, .cls = 2, .mask = 4}));
}

TEST_CASE("a model without the tokens of the template is an error that names them") {
  CHECK_THROWS_WITH(albert_pipeline(bytes_of("t5"), "spiece.model"),
                    Catch::Matchers::Contains("spiece.model") && Catch::Matchers::Contains("'[CLS]'"));
  CHECK_THROWS_AS(t5_pipeline("no model", "spiece.model"), FileError);
}

}  // namespace langzoo::test::sentencepiece_pipeline_test
