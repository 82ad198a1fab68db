#include "tests/support/plain_test.h"

#include <random>

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/byte_level.h"
#include "tokenizers/stream_decoder.h"

namespace langzoo::test {

TEST_CASE("stream decoder: a character comes when its last byte has come") {
  const auto tokenizer = load_tokenizer(fixture("tokenizers/byte_level.json"));
  StreamDecoder stream(*tokenizer);
  const auto put = [&](const char* bytes) { return stream.put(tokenizer->token_to_id(spell_bytes(bytes)).value()); };
  CHECK(put("a") == "a");
  CHECK(put("\xF0") == "");
  CHECK(put("\x9F") == "");
  CHECK(put("\x91") == "");
  CHECK(put("\x8D") == "\U0001F44D");
  CHECK(put("\xE6") == "");
  CHECK(put("b") ==
        "\uFFFD"
        "b");
  CHECK(put("\xFF") == "\uFFFD");
  CHECK(put("\xC3") == "");
  CHECK(stream.flush() == "\uFFFD");
  CHECK(stream.flush() == "");
  CHECK(put("c") == "c");
}

TEST_CASE("stream decoder: the parts joined are the sanitized whole") {
  const auto tokenizer = load_tokenizer(fixture("tokenizers/byte_level.json"));
  std::mt19937 random(2);
  for (const bool skip : {false, true}) {
    for (int i = 0; i < 100; ++i) {
      std::vector<TokenId> ids(random() % 60);
      // Half of them lead and continuation bytes, so that characters span tokens; some are the special token.
      for (TokenId& id : ids) {
        id = random() % 2 ? static_cast<TokenId>(random() % tokenizer->vocab_size())
                          : *tokenizer->token_to_id(
                                spell_bytes(std::string(1, "\xE6\xB2\xB3\xF0\x9F\x91\x8D\xC3"[random() % 8])));
        if (random() % 9 == 0) id = 0;
      }
      StreamDecoder stream(*tokenizer, skip);
      std::string joined;
      for (const TokenId id : ids) {
        const std::string part = stream.put(id);
        CHECK(is_valid_utf8(part));
        joined += part;
      }
      CHECK(joined + stream.flush() == sanitize_utf8(tokenizer->decode(ids, skip)));
    }
  }
}

TEST_CASE("stream decoder: byte tokens are judged by the run") {
  const auto tokenizer = load_tokenizer(fixture("tokenizers/pipelines/llama.json"));
  const std::vector<std::string> tokens = {"<0xE6>", "<0xB2>", "<0xB3>", "<0xFF>", "<0x41>", "▁the", "a", "<s>"};
  StreamDecoder stream(*tokenizer);
  const auto put = [&](const std::string& token) { return stream.put(tokenizer->token_to_id(token).value()); };
  CHECK(put("<0xE6>") + put("<0xB2>") + put("<0xB3>") == "");
  CHECK(put("a") ==
        "河"
        "a");
  CHECK_THROWS_AS(stream.put(100000), std::out_of_range);
  CHECK(put("<0xE6>") == "");
  CHECK(stream.flush() == "�");

  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {
    const bool skip = i % 2 == 0;
    std::vector<TokenId> ids(1 + random() % 20);
    for (TokenId& id : ids) id = *tokenizer->token_to_id(tokens[random() % tokens.size()]);
    StreamDecoder decoder(*tokenizer, skip);
    std::string joined;
    for (const TokenId id : ids) joined += decoder.put(id);
    CHECK(joined + decoder.flush() == tokenizer->decode(ids, skip));
  }
}

TEST_CASE("stream decoder: a run of tokens without text of their own takes time that does not grow with its square") {
  for (const char* name : {"tokenizers/pipelines/llama.json", "tokenizers/pipelines/t5.json"}) {
    CAPTURE(name);
    const auto tokenizer = load_tokenizer(fixture(name));
    std::vector<TokenId> ids(50'000, *tokenizer->token_to_id("\u2581"));
    ids.push_back(*tokenizer->token_to_id("a"));
    StreamDecoder stream(*tokenizer);
    std::string joined;
    for (const TokenId id : ids) joined += stream.put(id);
    CHECK((joined + stream.flush() == tokenizer->decode(ids)));
  }
}

}  // namespace langzoo::test
