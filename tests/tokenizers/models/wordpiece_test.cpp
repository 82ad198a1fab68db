#include "tests/support/plain_test.h"

#include <algorithm>
#include <random>
#include <set>

#include "tokenizers/models/wordpiece.h"

namespace langzoo::test::wordpiece_test {
namespace {

/// The definition: the longest token, as a string, again and again.
std::vector<ModelToken> naive(const WordPieceOptions& options, const std::string& word) {
  const auto id_of = [&](const std::string& token) {
    return static_cast<TokenId>(std::find(options.tokens.begin(), options.tokens.end(), token) -
                                options.tokens.begin());
  };
  const auto size = static_cast<std::uint32_t>(word.size());
  const std::vector<ModelToken> unknown = {{id_of(options.unk_token), 0, size}};
  const auto characters = std::count_if(word.begin(), word.end(), [](char c) { return (c & 0xC0) != 0x80; });
  if (static_cast<std::size_t>(characters) > options.max_input_chars_per_word) return unknown;
  std::vector<ModelToken> tokens;
  for (std::uint32_t begin = 0; begin < size;) {
    std::uint32_t end = size;
    TokenId id = 0;
    for (; end > begin; --end) {
      id = id_of((begin > 0 ? options.continuing_subword_prefix : "") + word.substr(begin, end - begin));
      if (id < static_cast<TokenId>(options.tokens.size())) break;
    }
    if (end == begin) return unknown;
    tokens.push_back({id, begin, end});
    begin = end;
  }
  return tokens;
}

}  // namespace

TEST_CASE("WordPiece takes the longest token that fits, on random vocabularies") {
  std::mt19937 random(5);
  const std::vector<std::string> alphabet = {"a", "b", "#", "é", "河", "👍"};
  const auto text = [&](std::size_t longest) {
    std::string result;
    for (std::size_t i = 1 + random() % longest; i > 0; --i) result += alphabet[random() % alphabet.size()];
    return result;
  };
  for (int round = 0; round < 60; ++round) {
    WordPieceOptions options;
    options.continuing_subword_prefix = std::vector<std::string>{"##", "", "#", "é", "ab"}[random() % 5];
    options.max_input_chars_per_word = 4 + random() % 10;
    std::set<std::string> tokens = {options.unk_token};
    for (int i = 0; i < 60; ++i) tokens.insert((i % 2 ? options.continuing_subword_prefix : "") + text(4));
    options.tokens.assign(tokens.begin(), tokens.end());
    const WordPiece model(options);
    for (int i = 0; i < 200; ++i) {
      const std::string word = text(16);
      CAPTURE(word);
      std::vector<ModelToken> found;
      model.tokenize(word, found);
      CHECK(found == naive(options, word));
    }
  }
}

TEST_CASE("WordPiece: ids without a token, and what is refused") {
  const WordPiece model(WordPieceOptions{{"", "[UNK]", "", "a"}});
  CHECK(model.vocab_size() == 4);
  CHECK_FALSE(model.id_to_token(0).has_value());
  CHECK(model.id_to_token(3) == "a");
  CHECK_FALSE(model.token_to_id("").has_value());
  CHECK(model.to_json().find("\"vocab\": {\n      \"[UNK]\": 1,\n      \"a\": 3\n    }") != std::string::npos);
  CHECK_THROWS_WITH(WordPiece(WordPieceOptions{{"a", "b", "a"}}), "the tokens 0 and 2 are both 'a'");
  CHECK_THROWS_WITH(WordPiece(WordPieceOptions{{"a", "\xFF"}}), "token 1 is not UTF-8");
  CHECK_THROWS_WITH(WordPiece(WordPieceOptions{{"a"}, "\xFF"}), "unk_token is not UTF-8");
  std::vector<ModelToken> tokens;
  CHECK_THROWS_WITH(WordPiece(WordPieceOptions{{"a"}}).tokenize("ab", tokens),
                    "'ab' cannot be made of the vocabulary, which lacks the unknown token '[UNK]'");
}

}  // namespace langzoo::test::wordpiece_test
