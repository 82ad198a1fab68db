#include "tokenizers/byt5.h"

#include "tests/support/plain_test.h"

#include "data/files/file_error.h"
#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/directory.h"
#include "tokenizers/stream_decoder.h"

namespace langzoo::test::byt5_test {
namespace {

using nlohmann::json;

void check_decoded(const Tokenizer& tokenizer, const json& c) {
  const auto ids = c["ids"].get<std::vector<TokenId>>();
  CHECK(tokenizer.decode(ids) == c["decoded"]);
  CHECK(tokenizer.decode(ids, true) == c["decoded_without_special"]);
}

void check(const Tokenizer& tokenizer, const json& expected) {
  CHECK(tokenizer.vocab_size() == expected["size"]);
  const auto& special = tokenizer.special_tokens();
  CHECK((json{{"eos", *special.eos}, {"unk", *special.unk}, {"pad", *special.pad}}) == expected["special_tokens"]);
  for (const auto& c : expected["cases"]) {
    const auto text = c["text"].get<std::string>();
    CAPTURE(text);
    const auto ids = c["ids"].get<std::vector<TokenId>>();
    check_decoded(tokenizer, c);
    if (c.contains("pair")) {
      CHECK(tokenizer.encode_pair(text, c["pair"].get<std::string>()).ids == ids);
      continue;
    }
    CHECK(tokenizer.encode(text).ids == ids);
    const auto alone = tokenizer.encode(text, {.add_special_tokens = false, .tokens = true});
    CHECK(alone.tokens == c["tokens"].get<std::vector<std::string>>());
    for (std::size_t i = 0; i < alone.size(); ++i) CHECK(tokenizer.token_to_id(alone.tokens[i]) == alone.ids[i]);
    std::vector<TokenId> quick;
    tokenizer.encode(text, quick);
    CHECK(quick == alone.ids);
  }
  for (const auto& c : expected["generated"]) {
    check_decoded(tokenizer, c);
    StreamDecoder stream(tokenizer);
    std::string streamed;
    for (const auto& id : c["ids"]) streamed += stream.put(id);
    streamed += stream.flush();
    CHECK(sanitize_utf8(streamed) == streamed);
  }
}

}  // namespace

TEST_CASE("ByT5's folders are what transformers makes of them, and saved and loaded the same") {
  const auto goldens = golden("byt5.json");
  REQUIRE(goldens.size() == 7);
  for (const auto& expected : goldens) {
    CAPTURE(expected["name"].get<std::string>());
    const TempDir dir, saved;
    for (const auto& [name, text] : expected["files"].items()) write_file(dir / name, text.get<std::string>());
    CHECK(has_tokenizer(dir.path()));
    const auto tokenizer = load_tokenizer(dir.path());
    check(*tokenizer, expected);
    tokenizer->save(saved.path());
    check(*load_tokenizer(saved.path()), expected);
  }
}

TEST_CASE("ByT5's tokens are bytes, and texts are cut between characters that no special token stands across") {
  const ByT5Tokenizer tokenizer;
  CHECK(tokenizer.vocab_size() == 384);
  CHECK(tokenizer.encode("\xC3\xA9").ids == std::vector<TokenId>{0xC3 + 3, 0xA9 + 3, 1});
  CHECK((tokenizer.encode("a\xFF").offsets == std::vector<Offset>{{0, 1}, {1, 2}, {0, 0}}));
  CHECK(tokenizer.id_to_token(3 + 0xE9) == "\xC3\xA9");
  CHECK(tokenizer.token_to_id("<extra_id_124>") == 383);
  CHECK_FALSE(tokenizer.token_to_id("ab"));
  CHECK_FALSE(tokenizer.has_token(384));
  const std::string text = "ab\xC3\xA9 <extra_id_7>";
  CHECK(tokenizer.cut_point(text, 3) == 2);
  CHECK(tokenizer.cut_point(text, 9) == 5);
  const std::vector<TokenId> beyond = {384};
  CHECK_THROWS_WITH(tokenizer.decode(beyond), "the id 384 is not in the vocabulary of 384 tokens");
}

TEST_CASE("what a folder of ByT5's lacks or contradicts is named") {
  const auto load = [](const std::string& config) {
    const TempDir dir;
    write_file(dir / "tokenizer_config.json", config);
    return load_tokenizer(dir.path());
  };
  CHECK_THROWS_WITH(load(R"({"tokenizer_class": "ByT5Tokenizer", "eos_token": null})"),
                    Catch::Contains("eos_token: is null, and ByT5Tokenizer needs it"));
  CHECK_THROWS_WITH(load(R"({"tokenizer_class": "ByT5Tokenizer", "extra_ids": -1})"), Catch::Contains("extra_ids"));
  CHECK_THROWS_WITH(load(R"({"tokenizer_class": "ByT5Tokenizer", "extra_special_tokens": ["a"]})"),
                    Catch::Contains("has the id of a byte"));
  CHECK_THROWS_AS(load(R"({"tokenizer_class": 5})"), FileError);
}

}  // namespace langzoo::test::byt5_test
