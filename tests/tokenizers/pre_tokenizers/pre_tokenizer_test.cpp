#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

#include <cstdint>
#include <random>

#include "tests/support/plain_test.h"

#include "tests/tokenizers/tokenizer_goldens.h"
#include "tokenizers/json_field.h"
#include "tokenizers/pipeline.h"

namespace langzoo {

namespace {

std::shared_ptr<const PreTokenizer> read(const nlohmann::json& value) {
  return read_pre_tokenizer(JsonField(value, "pre_tokenizer", "tokenizer.json"));
}

std::string fault(const std::string& json) {
  try {
    read(nlohmann::json::parse(json));
  } catch (const FileError& error) {
    return error.what();
  }
  return "none";
}

std::vector<NormalizedText> words_of(const PreTokenizer& pre_tokenizer, std::string_view text, std::size_t begin = 0) {
  std::vector<NormalizedText> words = {NormalizedText(text, begin)};
  pre_tokenizer.cut(words);
  return words;
}

/// [word, begin, end, ...] with offsets in characters, as the golden has it.
nlohmann::json shown(std::string_view text, const std::vector<NormalizedText>& words) {
  std::vector<Offset> offsets;
  for (const NormalizedText& word : words) offsets.push_back(word.original());
  offsets = to_character_offsets(text, offsets);
  nlohmann::json result = nlohmann::json::array();
  for (std::size_t i = 0; i < words.size(); ++i) {
    result.push_back(words[i].text());
    result.push_back(offsets[i].begin);
    result.push_back(offsets[i].end);
  }
  return result;
}

std::uint64_t fnv1a(std::uint64_t digest, std::string_view bytes) {
  for (const char byte : bytes) digest = (digest ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
  return digest;
}

/// What make_pre_tokenizers.py says of the code points of a block.
std::string digest_of_block(const PreTokenizer& pre_tokenizer, char32_t first) {
  std::uint64_t digest = 0xCBF29CE484222325u;
  for (char32_t c = first; c < first + 0x1000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    text = text + " a" + text + "b 1" + text + "2";
    const std::vector<NormalizedText> words = words_of(pre_tokenizer, text);
    std::vector<Offset> offsets;
    for (const NormalizedText& word : words) offsets.push_back(word.original());
    offsets = to_character_offsets(text, offsets);
    for (std::size_t i = 0; i < words.size(); ++i) {
      digest = fnv1a(digest, fmt::format("{}{},{}\n", words[i].text(), offsets[i].begin, offsets[i].end));
    }
  }
  return fmt::format("{:016x}", digest);
}

}  // namespace

TEST_CASE("every pre-tokenizer's words are those of Python's tokenizers, and it writes what it was read from") {
  const nlohmann::json golden = test::golden("pre_tokenizers.json");
  for (const auto& entry : golden["pre_tokenizers"]) {
    CAPTURE(entry["pre_tokenizer"].dump());
    const auto pre_tokenizer = read(entry["pre_tokenizer"]);
    CHECK(nlohmann::json::parse(pre_tokenizer->to_json()) == entry["pre_tokenizer"]);
    for (std::size_t i = 0; i < golden["texts"].size(); ++i) {
      const auto text = golden["texts"][i].get<std::string>();
      CAPTURE(text);
      CHECK(shown(text, words_of(*pre_tokenizer, text)) == entry["words"][i]);
    }
  }
}

TEST_CASE("every code point is cut from its neighbours as in Python's tokenizers") {
  const nlohmann::json golden = test::golden("pre_tokenizers.json");
  std::size_t compared = 0;
  for (const auto& entry : golden["pre_tokenizers"]) {
    if (!entry.contains("digests")) continue;
    CAPTURE(entry["pre_tokenizer"].dump());
    const auto pre_tokenizer = read(entry["pre_tokenizer"]);
    for (std::size_t block = 0; block < entry["digests"].size(); ++block, ++compared) {
      CAPTURE(block);
      CHECK(digest_of_block(*pre_tokenizer, static_cast<char32_t>(block * 0x1000)) == entry["digests"][block]);
    }
  }
  CHECK(compared == 9 * 0x110);
}

TEST_CASE("where a pre-tokenizer cuts at borders, the parts between them have the words of the whole") {
  const std::vector<std::string> parts = {"a", "Bc", "1",  "23",     " ",      " ",      " ", "  ",    "\n",
                                          ".", "'s", "--", "\u00e9", "\u4e2d", "\u2581", "_", "\u00a0"};
  const nlohmann::json golden = test::golden("pre_tokenizers.json");
  std::size_t cutting = 0, borders = 0;
  for (const auto& entry : golden["pre_tokenizers"]) {
    const auto pre_tokenizer = read(entry["pre_tokenizer"]);
    if (!pre_tokenizer->cuts_at_borders()) continue;
    ++cutting;
    CAPTURE(entry["pre_tokenizer"].dump());
    std::mt19937 random(1);
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (auto left = random() % 20; left > 0; --left) text += parts[random() % parts.size()];
      CAPTURE(text);
      nlohmann::json joined = nlohmann::json::array();
      std::size_t begin = 0;
      const auto add_part = [&](std::size_t end) {
        if (begin == end) return;
        const auto words = words_of(*pre_tokenizer, std::string_view(text).substr(begin, end - begin), begin);
        for (const auto& value : shown(text, words)) joined.push_back(value);
        begin = end;
      };
      for (std::size_t at = 1; at < text.size(); ++at) {
        if (!is_border(text, at)) continue;
        ++borders;
        add_part(at);
      }
      add_part(text.size());
      REQUIRE(joined == shown(text, words_of(*pre_tokenizer, text)));
    }
  }
  CHECK(cutting >= 15);
  CHECK(borders > 1000);
}

TEST_CASE("the words of a part know where in the text they stand") {
  const auto metaspace =
      read(nlohmann::json::parse(R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"})"));
  const auto words = words_of(*metaspace, "ab c", 10);
  REQUIRE(words.size() == 2);
  CHECK(words[0].text() == "ab");
  CHECK(words[0].original() == Offset{10, 12});
  CHECK(words[1].text() == "_c");
  CHECK(words[1].original() == Offset{12, 14});
}

TEST_CASE("no words are cut from none, and an older Metaspace is understood") {
  const nlohmann::json golden = test::golden("pre_tokenizers.json");
  for (const auto& entry : golden["pre_tokenizers"]) {
    std::vector<NormalizedText> words;
    read(entry["pre_tokenizer"])->cut(words);
    CHECK(words.empty());
  }
  CHECK(read(nullptr) == nullptr);
  const auto older = read(
      nlohmann::json::parse(R"({"type": "Metaspace", "replacement": "_", "str_rep": "_", "add_prefix_space": false})"));
  CHECK(older->to_json() == R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "never", "split": true})");
}

TEST_CASE("a pre-tokenizer that is wrong is named with its field") {
  CHECK(fault(R"({"type": "UnicodeScripts"})") ==
        "tokenizer.json: pre_tokenizer.type: the pre-tokenizer 'UnicodeScripts' is not supported");
  CHECK(fault("[]") == "tokenizer.json: pre_tokenizer: is [], expected an object");
  CHECK(fault(R"({"type": "Whitespace", "x": 1})") == "tokenizer.json: pre_tokenizer: the key 'x' is not supported");
  CHECK(fault(R"({"type": "ByteLevel"})") == "tokenizer.json: pre_tokenizer.add_prefix_space: is missing");
  CHECK(fault(R"({"type": "FixedLength", "length": 0})") ==
        "tokenizer.json: pre_tokenizer.length: is 0, expected an integer from 1 to 4294967295");
  CHECK(fault(R"({"type": "Punctuation", "behavior": "removed"})") ==
        "tokenizer.json: pre_tokenizer.behavior: 'removed' is not supported, expected Removed, Isolated, "
        "MergedWithPrevious, MergedWithNext or Contiguous");
  CHECK(fault(R"({"type": "Split", "pattern": {"Regex": "a("}, "behavior": "Removed", "invert": false})")
            .starts_with("tokenizer.json: pre_tokenizer.pattern.Regex: "));
  CHECK(fault(R"({"type": "Sequence", "pretokenizers": [{"type": "Digits"}]})") ==
        "tokenizer.json: pre_tokenizer.pretokenizers[0].individual_digits: is missing");
}

}  // namespace langzoo
