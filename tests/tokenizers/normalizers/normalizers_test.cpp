#include "tokenizers/normalizers/normalizer.h"

#include <array>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "tests/support/plain_test.h"
#include "tokenizers/json_field.h"
#include "tokenizers/utf8.h"

using namespace langzoo;
using nlohmann::json;

namespace {

std::shared_ptr<const Normalizer> read(const json& described) {
  return read_normalizer(JsonField(described, "normalizer", "tokenizer.json"));
}

const json& goldens() {
  static const json all = json::parse(test::read_file(test::fixture("tokenizers/normalizers.json")));
  return all;
}

/// The begin and end of where every character of `text` came from.
std::vector<std::size_t> origins(const NormalizedText& text) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < text.text().size();) {
    const std::size_t end = at + decode_utf8(text.text(), at).length;
    const Offset from = text.original(at, end);
    ends.insert(ends.end(), {from.begin, from.end});
    at = end;
  }
  return ends;
}

class Crc32 {
 public:
  void add(std::string_view bytes) {
    static const auto table = [] {
      std::array<std::uint32_t, 256> table{};
      for (std::uint32_t i = 0; i < 256; ++i) {
        table[i] = i;
        for (int bit = 0; bit < 8; ++bit) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0u);
      }
      return table;
    }();
    for (const char byte : bytes) value_ = value_ >> 8 ^ table[(value_ ^ static_cast<unsigned char>(byte)) & 0xFF];
  }
  void add(std::uint32_t number) {
    for (int i = 0; i < 4; ++i) {
      const char byte = static_cast<char>(number >> (8 * i));
      add({&byte, 1});
    }
  }
  std::string hex() const {
    std::array<char, 9> text{};
    std::snprintf(text.data(), text.size(), "%08x", ~value_);
    return text.data();
  }

 private:
  std::uint32_t value_ = 0xFFFFFFFF;
};

std::string digest(const Normalizer& normalizer, char32_t first) {
  Crc32 crc;
  for (char32_t begin = first; begin < first + 4096; begin += 256) {
    std::string all;
    for (char32_t c = begin; c < begin + 256; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      std::string character;
      append_utf8(character, c);
      crc.add(normalizer.normalize(character) + '\0');
      all += "a" + character + "b";
    }
    NormalizedText text(all);
    normalizer.normalize(text);
    const std::vector<std::size_t> ends = origins(text);
    std::size_t i = 0;
    for (std::size_t at = 0; at < text.text().size(); i += 2) {
      const std::size_t length = decode_utf8(text.text(), at).length;
      crc.add(std::string_view(text.text()).substr(at, length));
      crc.add(static_cast<std::uint32_t>(ends[i]));
      crc.add(static_cast<std::uint32_t>(ends[i + 1]));
      at += length;
    }
  }
  return crc.hex();
}

}  // namespace

TEST_CASE("every normalizer gives Python's text and offsets") {
  for (const auto& [name, golden] : goldens().items()) {
    const auto normalizer = read(golden["normalizer"]);
    for (const auto& c : golden["cases"]) {
      NormalizedText text(c[0].get<std::string>());
      CAPTURE(name, c[0].get<std::string>());
      normalizer->normalize(text);
      CHECK(text.text() == c[1].get<std::string>());
      CHECK(origins(text) == c[2].get<std::vector<std::size_t>>());
    }
  }
}

TEST_CASE("every normalizer gives Python's text and offsets for every code point") {
  for (const auto& [name, golden] : goldens().items()) {
    if (!golden.contains("digests")) continue;
    const auto normalizer = read(golden["normalizer"]);
    const std::string digests = golden["digests"];
    REQUIRE(digests.size() == 8 * 272);
    for (char32_t block = 0; block < 272; ++block) {
      CAPTURE(name, block * 4096);
      CHECK(digest(*normalizer, block * 4096) == digests.substr(8 * block, 8));
    }
  }
}

TEST_CASE("a normalizer describes itself as it was described") {
  for (const auto& [name, golden] : goldens().items()) {
    CAPTURE(name);
    CHECK(json::parse(read(golden["normalizer"])->to_json()) == golden["normalizer"]);
  }
  CHECK(read(nullptr) == nullptr);
}

TEST_CASE("a text may be cut at its borders where a normalizer says so") {
  const std::string text =
      "Two  caf\xC3\xA9s, ab aab b a e\xCC\x81 ``x'' \xE4\xB8\xAD\xE6\x96\x87 a b\xCC\x81\xCC\xA3 c \xE2\x91\xA0 d  ";
  std::size_t cutting = 0;
  for (const auto& [name, golden] : goldens().items()) {
    const auto normalizer = read(golden["normalizer"]);
    if (!normalizer->cuts_at_borders()) continue;
    ++cutting;
    CAPTURE(name);
    NormalizedText whole(text);
    normalizer->normalize(whole);
    std::string joined;
    std::vector<std::size_t> ends;
    const auto is_printable = [&](std::size_t i) { return text[i] > 0x20 && text[i] < 0x7F; };
    for (std::size_t begin = 0, at = 1; at <= text.size(); ++at) {
      const bool border = at + 1 < text.size() && text[at] == ' ' && is_printable(at - 1) && is_printable(at + 1);
      if (!border && at < text.size()) continue;
      NormalizedText part(std::string_view(text).substr(begin, at - begin), begin);
      normalizer->normalize(part);
      joined += part.text();
      const auto part_ends = origins(part);
      ends.insert(ends.end(), part_ends.begin(), part_ends.end());
      begin = at;
    }
    CHECK(joined == whole.text());
    CHECK(ends == origins(whole));
  }
  CHECK(cutting >= 18);
  CHECK_FALSE(read(goldens()["prepend"]["normalizer"])->cuts_at_borders());
  CHECK_FALSE(read(goldens()["llama"]["normalizer"])->cuts_at_borders());
  CHECK_FALSE(read(goldens()["strip"]["normalizer"])->cuts_at_borders());
  CHECK(read(goldens()["albert"]["normalizer"])->cuts_at_borders());
}

TEST_CASE("a normalizer that cannot be used is named") {
  const auto fails_with = [](const char* described, const std::string& what) {
    CAPTURE(described);
    CHECK_THROWS_WITH(read(json::parse(described)), Catch::Contains("tokenizer.json") && Catch::Contains(what));
  };
  fails_with(R"({"type":"Nope"})", "normalizer.type: the normalizer \"Nope\" is not supported");
  fails_with(R"({"type":"NFC","form":1})", "the key 'form' is not supported");
  fails_with(R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"X"}]})", "normalizer.normalizers[1].type");
  fails_with(R"({"type":"Sequence","normalizers":[null]})", "normalizer.normalizers[0]");
  fails_with(R"({"type":"Strip","strip_left":true})", "normalizer.strip_right: is missing");
  fails_with(R"({"type":"Replace","pattern":{"Regex":"("},"content":""})", "normalizer.pattern.Regex");
  fails_with(R"({"type":"Replace","pattern":{},"content":""})", "normalizer.pattern");
  fails_with(R"({"type":"Precompiled","precompiled_charsmap":"?"})", "is not base64");
  fails_with(R"({"type":"Precompiled","precompiled_charsmap":"CAAAAAAAAAA="})", "normalizer.precompiled_charsmap");
  fails_with(R"({"type":7})", "normalizer.type");
}
