#include "tests/support/plain_test.h"

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/char_level.h"

namespace langzoo::test::char_level_test {
namespace {

std::vector<TokenId> ids_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids;
  tokenizer.encode(text, ids);
  return ids;
}

}  // namespace

TEST_CASE("character level: ids go by code point, one a character") {
  const auto tokenizer = CharLevel::from_text("b\na\u00e9\U0001F44D b");
  CHECK(tokenizer->vocab_size() == 6);
  CHECK(ids_of(*tokenizer, "\n ab\u00e9\U0001F44D") == std::vector<TokenId>{0, 1, 2, 3, 4, 5});
  const Encoding encoding = tokenizer->encode("a\u00e9b");
  CHECK((encoding.offsets == std::vector<Offset>{{0, 1}, {1, 3}, {3, 4}}));
  CHECK(tokenizer->decode(encoding.ids) == "a\u00e9b");
  CHECK(tokenizer->token_to_id("\u00e9") == 4);
  CHECK(tokenizer->id_to_token(0) == "\n");
  CHECK_FALSE(tokenizer->token_to_id("z"));
}

TEST_CASE("character level: ids, offsets and text equal those of Python's tokenizers") {
  CHECK(check_cases(*load_tokenizer(fixture("tokenizers/char_level.json")), "char_level.cases.json") == 7);
}

TEST_CASE("character level: saved and loaded it is the same") {
  const TempDir dir;
  const std::vector<std::string> special = {"<|endoftext|>"};
  const auto tokenizer = CharLevel::from_text("\"quoted\" \\ \t\u007f\u2028\U0010FFFF\0x", special);
  tokenizer->save(dir.path());
  const auto loaded = load_tokenizer(dir.path());
  const auto* chars = dynamic_cast<const CharLevel*>(loaded.get());
  REQUIRE(chars != nullptr);
  CHECK(chars->model().tokens == tokenizer->model().tokens);
  CHECK(loaded->special_tokens() == tokenizer->special_tokens());
  CHECK(loaded->special_tokens().eos == static_cast<TokenId>(tokenizer->vocab_size() - 1));
  CHECK(ids_of(*loaded, "to\u2028<|endoftext|>") == ids_of(*tokenizer, "to\u2028<|endoftext|>"));
}

TEST_CASE("character level: what it does not know is named with its place") {
  const auto tokenizer = CharLevel::from_text("abc \u00e9");
  CHECK_THROWS_WITH(ids_of(*tokenizer, "a\u00e9z"),
                    "the character 'z' (U+007A) at offset 3 is not in the vocabulary of 5 characters");
  CHECK_THROWS_WITH(ids_of(*tokenizer, "a\n"),
                    "the character U+000A at offset 1 is not in the vocabulary of 5 characters");
  CHECK_THROWS_WITH(ids_of(*tokenizer, "ab\xFF"), "the byte 0xFF at offset 2 is not in the vocabulary of 5 characters");
  CHECK_THROWS_AS(tokenizer->encode("z"), std::runtime_error);
  CHECK_THROWS_WITH(CharLevel::from_text("ab\xE3\x80"), Catch::Contains("not UTF-8 at offset 2 (byte 0xE3)"));
  const std::vector<TokenId> beyond = {5};
  CHECK_THROWS_WITH(tokenizer->decode(beyond), "the id 5 is not in the vocabulary of 5 tokens");

  CharLevelModel with_unk{{"a", "<unk>"}, {}, 1, {}};
  CHECK(ids_of(CharLevel(with_unk),
               "az\xE3\x80"
               "a\xFF") == std::vector<TokenId>{0, 1, 1, 0, 1});
  CHECK_THROWS_AS(CharLevel(CharLevelModel{{"a", "bc"}, {}, {}, {}}), std::invalid_argument);
}

}  // namespace langzoo::test::char_level_test
