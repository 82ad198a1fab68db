#include "tests/support/plain_test.h"

#include "tokenizers/post_processors/post_processor_sequence.h"
#include "tokenizers/post_processors/template_processing.h"

namespace langzoo::test {

using Kind = TemplatePiece::Kind;

TEST_CASE("template: the string form gives texts, special tokens and type ids") {
  CHECK(
      (parse_template("[CLS] $A [SEP] $B:1 [SEP]:1") == std::vector<TemplatePiece>{{Kind::SpecialToken, 0, "[CLS]"},
                                                                                   {Kind::First, 0, ""},
                                                                                   {Kind::SpecialToken, 0, "[SEP]"},
                                                                                   {Kind::Second, 1, ""},
                                                                                   {Kind::SpecialToken, 1, "[SEP]"}}));
  CHECK((parse_template("$ $0 $2 $a:3 $b") == std::vector<TemplatePiece>{{Kind::First, 0, ""},
                                                                         {Kind::First, 0, ""},
                                                                         {Kind::First, 2, ""},
                                                                         {Kind::First, 3, ""},
                                                                         {Kind::Second, 0, ""}}));
  for (const char* wrong : {"$C", "$A:", "$A:x", "$A:-1", "$A:1:2", "[S]:99999999999", "$A1"}) {
    CAPTURE(wrong);
    CHECK_THROWS_WITH(parse_template(wrong),
                      std::string("template: '") + wrong +
                          "' is no piece, expected $A, $B or a special token, with :TYPE_ID or without");
  }
}

TEST_CASE("template: added tokens are counted, and only two sequences fit") {
  const TemplateProcessing bert(
      {.single = parse_template("[CLS] $A [SEP]"),
       .pair = parse_template("[CLS] $A [SEP] $B:1 [SEP]:1"),
       .special_tokens = {{"[CLS]", {{1}, {"[CLS]"}}}, {"[SEP]", {{2, 3}, {"[SEP]", "[SEP2]"}}}}});
  CHECK(bert.added_tokens(false) == 3);
  CHECK(bert.added_tokens(true) == 5);
  CHECK_THROWS_AS(TemplateProcessing({.single = parse_template("[X]")}), std::invalid_argument);

  const auto shared = std::make_shared<TemplateProcessing>(bert.options());
  const PostProcessorSequence twice({shared, shared});
  CHECK(twice.added_tokens(false) == 6);
  CHECK_THROWS_WITH(twice.process({Encoding()}, {}, true),
                    "TemplateProcessing takes one or two sequences, not the 3 parts that another post-processor made");
}

}  // namespace langzoo::test
