#include "tests/support/plain_test.h"

#include <random>

#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "tokenizers/sentencepiece.h"
#include "tokenizers/utf8.h"

namespace langzoo::test::sentencepiece_test {

using nlohmann::json;

namespace {

const std::vector<std::string> kModels = {"unigram",        "unigram_bytes",  "unigram_spaces",
                                          "unigram_across", "unigram_suffix", "bpe",
                                          "bpe_bytes",      "word",           "char"};

std::filesystem::path path_of(const std::string& name) {
  return test::fixture("tokenizers/sentencepiece/" + name);
}

json golden(const std::string& name) {
  return json::parse(test::read_file(path_of(name)));
}

std::vector<TokenId> fast_ids(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> ids;
  tokenizer.encode(text, ids);
  return ids;
}

std::optional<TokenId> id_of(const json& id) {
  return id < 0 ? std::nullopt : std::optional(id.get<TokenId>());
}

/// Words of the training text, its characters, spaces of all sorts, and what no model knows, in any order.
std::string random_text(std::mt19937& random, std::size_t parts) {
  static const std::vector<std::string> kParts = {"the lamp",
                                                  "carries",
                                                  " river",
                                                  "kettle",
                                                  "a",
                                                  "e",
                                                  "s",
                                                  "chi",
                                                  "dar",
                                                  "lon",
                                                  " ",
                                                  "  ",
                                                  " ",
                                                  "\n",
                                                  "\t",
                                                  "\xE3\x80\x80",
                                                  "\xE2\x96\x81",
                                                  "e\xCC\x81",
                                                  "\xC3\xA9",
                                                  "\xEF\xAC\x81",
                                                  "\xC2\xBD",
                                                  "\xE2\x80\x8B",
                                                  "\xE6\xB2\xB3",
                                                  "\xEA\xB0\x95",
                                                  "<sep>",
                                                  "aa",
                                                  "1",
                                                  "!",
                                                  "Q",
                                                  "\xF0\x9F\x91\x8D",
                                                  "\xFF",
                                                  "\xE2\x96",
                                                  std::string(1, '\0'),
                                                  "A",
                                                  "\x01"};
  std::string text;
  for (std::size_t i = 0; i < parts; ++i) text += kParts[random() % kParts.size()];
  return text;
}

}  // namespace

TEST_CASE("ids, pieces, offsets and decoded text are those of Python's sentencepiece") {
  for (const std::string& name : kModels) {
    const auto tokenizer = load_sentencepiece(path_of(name + ".model"));
    const json expected = golden(name + ".json");
    CAPTURE(name);
    CHECK(tokenizer->vocab_size() == expected["size"].get<std::size_t>());
    CHECK(tokenizer->special_tokens().unk == id_of(expected["special"]["unk"]));
    CHECK(tokenizer->special_tokens().bos == id_of(expected["special"]["bos"]));
    CHECK(tokenizer->special_tokens().eos == id_of(expected["special"]["eos"]));
    CHECK(tokenizer->special_tokens().pad == id_of(expected["special"]["pad"]));
    REQUIRE(expected["cases"].size() > 150);
    for (const json& c : expected["cases"]) {
      const auto text = c["text"].get<std::string>();
      CAPTURE(text);
      const auto ids = c["ids"].get<std::vector<TokenId>>();
      const Encoding encoding = tokenizer->encode(text, {.tokens = true});
      CHECK(encoding.ids == ids);
      CHECK(encoding.tokens == c["pieces"].get<std::vector<std::string>>());
      std::vector<Offset> offsets;
      for (const json& pair : c["offsets"]) offsets.push_back({pair[0].get<std::size_t>(), pair[1].get<std::size_t>()});
      CHECK((encoding.offsets == offsets));  // of bytes there too
      CHECK(fast_ids(*tokenizer, text) == ids);
      CHECK(fast_ids(*tokenizer, text) == ids);  // and now from memory
      CHECK(tokenizer->decode(ids) == c["decoded"].get<std::string>());
    }
  }
}

TEST_CASE("half a million unknown characters or words are one token, in time that does not grow with their square") {
  const std::size_t count = 500'000;
  std::string characters, words;
  for (std::size_t i = 0; i < count; ++i) {
    characters += "\xF0\x9D\x84\x9E";
    words += "\xF0\x9D\x84\x9E ";
  }
  for (const std::string& name : kModels) {
    CAPTURE(name);
    const auto tokenizer = load_sentencepiece(path_of(name + ".model"));
    for (const std::string* text : {&characters, &words}) {
      const Encoding encoding = tokenizer->encode(*text, {.tokens = true});
      CHECK((encoding.ids == fast_ids(*tokenizer, *text)));
      CHECK(encoding.offsets.back().end >= text->size() - 1);
      const bool joined = encoding.size() <= 2;  // U+2581 and the unknown token
      CHECK(joined == (!name.ends_with("_bytes") && (text == &characters || name == "word")));
    }
  }
}

TEST_CASE("bytes that are not UTF-8 are those of Python's sentencepiece") {
  const auto tokenizer = load_sentencepiece(path_of("unigram_bytes.model"));
  for (const json& c : golden("invalid.json")) {
    std::string text;
    for (const json& byte : c["bytes"]) text += static_cast<char>(byte.get<int>());
    CHECK(tokenizer->encode(text).ids == c["ids"].get<std::vector<TokenId>>());
    CHECK(fast_ids(*tokenizer, text) == c["ids"].get<std::vector<TokenId>>());
  }
}

TEST_CASE("remembered words give the ids of the library, for short and for long text") {
  std::mt19937 random(1);
  for (const std::string& name : kModels) {
    const auto tokenizer = load_sentencepiece(path_of(name + ".model"));
    CAPTURE(name);
    for (const std::size_t parts : {5, 30, 30'000}) {
      for (std::size_t i = 0; i < 3000 / parts + 2; ++i) {
        const std::string text = random_text(random, parts);
        CHECK((fast_ids(*tokenizer, text) == tokenizer->encode(text).ids));
      }
    }
  }
}

TEST_CASE("every code point, alone, between letters and beside spaces") {
  for (const std::string name : {"unigram", "bpe_bytes"}) {
    const auto tokenizer = load_sentencepiece(path_of(name + ".model"));
    std::size_t different = 0;
    for (char32_t c = 0; c < 0x30000; ++c) {
      std::string character;
      append_utf8(character, c);
      const std::string text = character + " a" + character + "e " + character + " " + character;
      if (fast_ids(*tokenizer, text) != tokenizer->encode(text).ids) ++different;
    }
    CHECK(different == 0);
  }
}

TEST_CASE("a text in parts has the ids of the whole, on any number of threads") {
  std::mt19937 random(2);
  for (const std::string& name : kModels) {
    const auto tokenizer = load_sentencepiece(path_of(name + ".model"));
    CAPTURE(name);
    std::string text;
    while (text.size() < 900'000) text += random_text(random, 100) + "the lamp carries the kettle";
    const std::vector<std::string_view> texts = {text, "the lamp", "", text};
    CHECK(tokenizer->encode_batch(texts, 3) == tokenizer->encode_batch(texts, 1));
    const std::size_t cut = tokenizer->cut_point(text, 100'000);
    CHECK((cut > 0) == (name == "bpe" || name == "bpe_bytes" || name == "char"));
    const auto whole = fast_ids(*tokenizer, std::string_view(text).substr(0, 200'000));
    auto ids = fast_ids(*tokenizer, std::string_view(text).substr(0, cut));
    tokenizer->encode(std::string_view(text).substr(cut, 200'000 - cut), ids);
    CHECK(ids == whole);
  }
}

TEST_CASE("segmentations are equal whose float sums of scores are: the first found stays, as in sentencepiece 0.2.3") {
  // Fields as below: a: -1, b: 2^-25, ab: -1; no space in front.
  const std::string model(
      "\x0A\x09\x0A\x05<unk>\x18\x02"
      "\x0A\x08\x0A\x01"
      "a\x15\x00\x00\x80\xBF"
      "\x0A\x08\x0A\x01"
      "b\x15\x00\x00\x00\x33"
      "\x0A\x09\x0A\x02"
      "ab\x15\x00\x00\x80\xBF"
      "\x1A\x04\x18\x00\x20\x00",
      48);
  const SentencePiece tokenizer(model);
  CHECK(tokenizer.vocab_size() == 4);
  CHECK(tokenizer.encode("ab").ids == std::vector<TokenId>{3});
  CHECK(fast_ids(tokenizer, "ab") == std::vector<TokenId>{3});
}

TEST_CASE("a saved model is the same file") {
  const test::TempDir dir;
  const auto tokenizer = load_sentencepiece(path_of("unigram.model"));
  tokenizer->save(dir / "saved");
  CHECK(test::read_file(dir / "saved/spiece.model") == tokenizer->model());
  CHECK(test::read_file(dir / "saved/spiece.model") == test::read_file(path_of("unigram.model")));
}

TEST_CASE("tokens by name, and ids outside the vocabulary") {
  const auto tokenizer = load_sentencepiece(path_of("bpe.model"));
  for (TokenId id = 0; id < static_cast<TokenId>(tokenizer->vocab_size()); ++id) {
    CHECK(tokenizer->token_to_id(tokenizer->id_to_token(id)) == id);
  }
  CHECK_FALSE(tokenizer->token_to_id("no such piece"));
  CHECK(tokenizer->token_to_id("<unk>") == tokenizer->special_tokens().unk);
  CHECK_THROWS_WITH(tokenizer->id_to_token(-1), "the id -1 is not in the vocabulary of 260 tokens");
  const std::vector<TokenId> outside = {1, 260};
  CHECK_THROWS_WITH(tokenizer->decode(outside), "the id 260 is not in the vocabulary of 260 tokens");
  const std::vector<TokenId> unknown = {*tokenizer->special_tokens().unk};
  CHECK(tokenizer->decode(unknown) == "<?>");
  CHECK(tokenizer->decode(unknown, true).empty());
}

TEST_CASE("a broken model is an error that names the file") {
  const test::TempDir dir;
  const auto fails = [&](const std::string& bytes) {
    test::write_file(dir / "broken.model", bytes);
    CHECK_THROWS_AS(load_sentencepiece(dir / "broken.model"), FileError);
    try {
      load_sentencepiece(dir / "broken.model");
    } catch (const FileError& error) {
      CHECK(std::string(error.what()).find("broken.model") != std::string::npos);
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string model = test::read_file(path_of("unigram.model"));
  CHECK(fails("").find("pieces: 0") != std::string::npos);
  CHECK(fails("no model").find("no sentencepiece model") != std::string::npos);
  CHECK_THROWS_AS(load_sentencepiece(dir / "missing.model"), FileError);

  // Field 1 is a piece: its text (1), its score (2, a float), its kind (3).
  const std::string unknown("\x0A\x09\x0A\x05<unk>\x18\x02", 11);
  CHECK(fails(unknown + unknown).find("<unk>") != std::string::npos);
  CHECK(fails(std::string("\x0A\x03\x0A\x01"
                          "a",
                          5))
            .find("unk is not defined") != std::string::npos);
  CHECK(fails(unknown + std::string("\x0A\x02\x0A\x00", 4)).find("pieces[1] is empty") != std::string::npos);
  CHECK(fails(unknown + std::string("\x0A\x08\x0A\x01"
                                    "a\x15\x00\x00\xC0\x7F",
                                    10))
            .find("pieces[1].score") != std::string::npos);
  std::string nested = unknown;
  for (int n = 1; n <= 100; ++n) {
    nested += '\x0A';
    nested += static_cast<char>(n + 4);
    nested += '\x0A';
    nested += static_cast<char>(n);
    nested += std::string(static_cast<std::size_t>(n), 'x') + "\x18\x04";
  }
  CHECK(fails(nested).find("more than 64 user-defined symbols") != std::string::npos);
  // A character map (field 3, in it 2) that leads out of itself.
  std::string map(4 + 1024 + 1, '\0');
  map[1] = 4;
  map[4] = '\xFF', map[5] = '\xFF', map[6] = '\x0F';
  const std::string size("\x85\x08", 2), outer("\x88\x08", 2);
  CHECK(fails(unknown + "\x1A" + outer + "\x12" + size + map).find("leads out of it") != std::string::npos);
  CHECK(fails(unknown + "\x1A\x05\x12\x03"
                        "abc")
            .find("character map is cut off") != std::string::npos);
  for (std::size_t length = 1; length < model.size(); length += 97) {
    test::write_file(dir / "broken.model", model.substr(0, length));
    try {
      load_sentencepiece(dir / "broken.model");
    } catch (const FileError&) {
    }
  }
}

}  // namespace langzoo::test::sentencepiece_test
