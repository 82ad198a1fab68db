#include "tokenizers/decoders/decoder.h"

#include <stdexcept>

#include "tests/support/plain_test.h"

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/json_field.h"

namespace langzoo {

namespace {

std::shared_ptr<const Decoder> read(const nlohmann::json& value) {
  return read_decoder(JsonField(value, "decoder", "tokenizer.json"));
}

std::string fault(const std::string& json) {
  try {
    read(nlohmann::json::parse(json));
  } catch (const FileError& error) {
    return error.what();
  }
  return "none";
}

std::string decoded(const Decoder& decoder, std::vector<std::string> tokens) {
  decoder.decode(tokens);
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

}  // namespace

TEST_CASE("every decoder's text is that of Python's tokenizers, and it writes what it was read from") {
  const nlohmann::json golden = test::golden("decoders.json");
  for (const auto& entry : golden["decoders"]) {
    CAPTURE(entry["decoder"].dump());
    const auto decoder = read(entry["decoder"]);
    CHECK(nlohmann::json::parse(decoder->to_json()) == entry["decoder"]);
    for (std::size_t i = 0; i < golden["tokens"].size(); ++i) {
      CAPTURE(golden["tokens"][i].dump());
      const std::string text = decoded(*decoder, golden["tokens"][i].get<std::vector<std::string>>());
      CHECK(sanitize_utf8(text) == entry["texts"][i].get<std::string>());
    }
  }
}

TEST_CASE("a byte-level decoder keeps bytes that are no UTF-8") {
  const auto decoder = read(nlohmann::json::parse(R"({"type": "ByteLevel"})"));
  CHECK(decoded(*decoder, {"\u0120a", "\u00e4\u00b8"}) == " a\xe4\xb8");
}

TEST_CASE("no tokens are no text") {
  const nlohmann::json golden = test::golden("decoders.json");
  for (const auto& entry : golden["decoders"]) {
    CHECK(decoded(*read(entry["decoder"]), {}).empty());
  }
}

TEST_CASE("stripping more than a token has leaves nothing") {
  const auto decoder = read(nlohmann::json::parse(R"({"type": "Strip", "content": "a", "start": 2, "stop": 9})"));
  CHECK(decoded(*decoder, {"", "a", "aaa", "aba"}) == "b");
}

TEST_CASE("replacements in a row do not take unbounded memory") {
  const nlohmann::json grow = {
      {"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(1000, 'a')}};
  const auto sequence = [&](std::size_t count) {
    return read({{"type", "Sequence"}, {"decoders", std::vector<nlohmann::json>(count, grow)}});
  };
  CHECK(decoded(*sequence(2), {"a"}).size() == 1'000'000);
  CHECK_THROWS_WITH(decoded(*sequence(6), {"a"}), "decoding: Replace makes more than 67108864 bytes of 1000000");
}

TEST_CASE("null is no decoder") {
  CHECK(read(nullptr) == nullptr);
}

TEST_CASE("a decoder that is wrong is named with its field") {
  CHECK(fault(R"({"type": "Magic"})") == "tokenizer.json: decoder.type: the decoder 'Magic' is not supported");
  CHECK(fault(R"({"suffix": "</w>"})") == "tokenizer.json: decoder.type: is missing");
  CHECK(fault("7") == "tokenizer.json: decoder: is 7, expected an object");
  CHECK(fault(R"({"type": "WordPiece", "prefix": "##"})") == "tokenizer.json: decoder.cleanup: is missing");
  CHECK(fault(R"({"type": "Fuse", "glue": "-"})") == "tokenizer.json: decoder: the key 'glue' is not supported");
  CHECK(fault(R"({"type": "Strip", "content": "ab", "start": 0, "stop": 0})") ==
        "tokenizer.json: decoder.content: is \"ab\", expected one character");
  CHECK(fault(R"({"type": "Strip", "content": "a", "start": -1, "stop": 0})") ==
        "tokenizer.json: decoder.start: is -1, expected an integer from 0 to 4294967295");
  CHECK(fault(R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "often"})") ==
        "tokenizer.json: decoder.prepend_scheme: 'often' is not supported, expected always, first or never");
  CHECK(fault(R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "add_prefix_space": false})") ==
        "tokenizer.json: decoder.add_prefix_space: false contradicts prepend_scheme");
  CHECK(fault(R"({"type": "Replace", "pattern": "a", "content": ""})") ==
        "tokenizer.json: decoder.pattern: is \"a\", expected an object");
  CHECK(fault(R"({"type": "Replace", "pattern": {}, "content": ""})") ==
        "tokenizer.json: decoder.pattern: expected either String or Regex");
  CHECK(fault(R"({"type": "Sequence", "decoders": [{"type": "Fuse"}, null]})") ==
        "tokenizer.json: decoder.decoders[1]: is null, expected an object");
}

}  // namespace langzoo
