#include "tests/support/plain_test.h"

#include "tokenizers/utf8.h"

namespace langzoo::test {

TEST_CASE("UTF-8: every code point survives, surrogates and values beyond do not") {
  for (char32_t c = 0; c < 0x110000; c += c < 0x3000 ? 1 : 97) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string bytes;
    append_utf8(bytes, c);
    const Utf8Char back = decode_utf8(bytes, 0);
    REQUIRE(back.valid);
    REQUIRE(back.code_point == c);
    REQUIRE(back.length == bytes.size());
    REQUIRE(complete_utf8_length(bytes) == bytes.size());
    for (std::size_t cut = 1; cut < bytes.size(); ++cut)
      REQUIRE(complete_utf8_length("ab" + bytes.substr(0, cut)) == 2);
  }
  for (const char* bad : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5", "\x80", "\xFF"}) {
    CHECK_FALSE(is_valid_utf8(bad));
    CHECK(complete_utf8_length(bad) == std::string(bad).size());
  }
}

TEST_CASE("UTF-8: repair replaces maximal subparts, as the Unicode standard's table 3-8 does") {
  CHECK(sanitize_utf8("a\xF1\x80\x80\xE1\x80\xC2"
                      "b\x80"
                      "c\x80\xBF"
                      "d") == "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  CHECK(sanitize_utf8("\xE0\x80") == "\uFFFD\uFFFD");
  CHECK(sanitize_utf8("ok \u6cb3") == "ok \u6cb3");
  CHECK(sanitize_utf8("").empty());
}

TEST_CASE("UTF-8: invalid bytes are found wherever they stand") {
  for (std::size_t at = 0; at < 40; ++at) {
    std::string text(at, 'a');
    text += "\u00e9\xFF";
    CHECK(find_invalid_utf8(text) == at + 2);
    CHECK(find_invalid_utf8(text, at + 3) == at + 3);
  }
  CHECK(find_invalid_utf8("abc") == 3);
}

TEST_CASE("UTF-8: characters are counted, and offsets grow to them") {
  CHECK(count_characters("a\u00e9\u6cb3\U0001F44D") == 4);
  CHECK(count_characters("\xE6\xB2") == 1);
  const std::string text =
      "a\u6cb3"
      "b";  // bytes 0, 1-3, 4
  const std::vector<Offset> bytes = {{0, 1}, {1, 2}, {2, 4}, {3, 5}, {5, 5}, {2, 2}};
  CHECK((to_character_offsets(text, bytes) == std::vector<Offset>{{0, 1}, {1, 2}, {1, 2}, {1, 3}, {3, 3}, {1, 1}}));
}

}  // namespace langzoo::test
