#include "tests/support/test.h"

#include "data/tasks/task_tokens.h"
#include "tokenizers/char_level.h"

namespace langzoo::test::task_tokens_test {

namespace {

std::unique_ptr<Tokenizer> letters(std::vector<std::string> special = {"_start_", "_delimiter_", "_classify_"}) {
  return CharLevel::from_text("abcdefgh", special);
}

std::string shown(const Tokenizer& tokenizer, const TokenRow& row) {
  std::string text;
  for (const auto id : row.ids) {
    const auto token = tokenizer.id_to_token(id);
    text += token == "_start_" ? "<" : token == "_delimiter_" ? "|" : token == "_classify_" ? ">" : token;
  }
  return text;
}

}  // namespace

TEST_CASE("a text stands between START and EXTRACT, a pair with DELIM between them") {
  const auto tokenizer = letters();
  const auto tokens = TaskTokens::of(*tokenizer);
  REQUIRE(tokens);
  const auto row = [&](std::string_view text, std::string_view pair, std::size_t most) {
    const auto made = tokens->row(*tokenizer, text, pair, most);
    return shown(*tokenizer, made) + (made.cut ? " cut" : "");
  };
  CHECK(row("abc", "", 0) == "<abc>");
  CHECK(row("abc", "de", 0) == "<abc|de>");
  CHECK(row("", "", 0) == "<>");
  CHECK(row("", "de", 0) == "<|de>");
  // What is too long is cut, and the three stay.
  CHECK(row("abcdef", "", 6) == "<abcd> cut");
  CHECK(row("abcdef", "", 8) == "<abcdef>");
  CHECK(row("abcdef", "gh", 8) == "<abc|gh> cut");
  CHECK(row("ab", "cdefgh", 8) == "<ab|cde> cut");
  CHECK(row("a", "b", 4).ends_with("> cut"));
  CHECK_THROWS_WITH(row("a", "", 2), "2 tokens leave no room for a text between two");
  CHECK_THROWS_WITH(row("a", "b", 3), "3 tokens leave no room for a text between three");
  CHECK_FALSE(TaskTokens::of(*letters({"_start_", "_classify_"})));
  CHECK_FALSE(TaskTokens::of(*letters({})));
}

}  // namespace langzoo::test::task_tokens_test
