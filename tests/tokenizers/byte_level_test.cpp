#include "tokenizers/byte_level.h"

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "tests/support/plain_test.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace {

using Pieces = std::vector<std::pair<std::size_t, std::size_t>>;

Pieces scanned(const std::string& text) {
  Pieces pieces;
  langzoo::for_each_gpt2_piece(text, [&](std::size_t begin, std::size_t end) { pieces.emplace_back(begin, end); });
  return pieces;
}

/// GPT-2's pattern as it was published, run by PCRE2.
Pieces matched(const std::string& text) {
  static const char pattern[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  static pcre2_code* const code = [] {
    int error = 0;
    PCRE2_SIZE at = 0;
    auto* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                                   &error, &at, nullptr);
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    return compiled;
  }();
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free);
  Pieces pieces;
  for (std::size_t at = 0; at < text.size();) {
    const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, PCRE2_NO_UTF_CHECK,
                                  match.get(), nullptr);
    if (found < 1) break;
    const auto* range = pcre2_get_ovector_pointer(match.get());
    pieces.emplace_back(range[0], range[1]);
    at = range[1];
  }
  return pieces;
}

void append_utf8(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | (c >> 6));
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    text += static_cast<char>(0xE0 | (c >> 12));
    text += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
}

}  // namespace

TEST_CASE("the scanner cuts where GPT-2's pattern does, by PCRE2 as the oracle") {
  // Characters whose class has been the same since Unicode 14, which PCRE2 10.42 knows; each class and each branch of
  // the pattern is likely, so runs and look-ahead meet in every order.
  const std::u32string alphabet =
      U"abzAZ09 \t\n\r\v\f'''stremvld.,!?-_()\u00a0\u00e9\u00df\u00b2\u00bd\u2003\u3000\u0301\u0660\u0966\u4e2d\u6587"
      U"\uac00\u1100\u05d0\u0645\u200d\u2028\u20ac";
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (auto left = random() % 24; left > 0; --left) append_utf8(text, alphabet[random() % alphabet.size()]);
    CAPTURE(round, text);
    REQUIRE(scanned(text) == matched(text));
  }
}

TEST_CASE("pieces of ill-formed text cover it and stand apart") {
  CHECK(scanned("a\xff\xfe b") == Pieces{{0, 1}, {1, 2}, {2, 3}, {3, 5}});
  CHECK(scanned("\xe4\xb8") == Pieces{{0, 2}});
  CHECK(scanned("") == Pieces{});
}

TEST_CASE("bytes are spelled as printable characters and read back") {
  std::string bytes(256, '\0');
  for (int i = 0; i < 256; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(i);
  const auto spelled = langzoo::spell_bytes(bytes);
  CHECK(langzoo::spell_bytes(" the\n") == "\u0120the\u010a");
  CHECK(langzoo::unspell_bytes(spelled) == bytes);
  CHECK_FALSE(langzoo::unspell_bytes(" ").has_value());
  CHECK_FALSE(langzoo::unspell_bytes("\u4e2d").has_value());
}

TEST_CASE("a text cut at a border has the same pieces") {
  const std::string text = "It's  10 o'clock,\n\n  and\xff the caf\u00e9 \u4e2d\u6587 is\tshut.\n";
  const auto whole = scanned(text);
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (!langzoo::is_gpt2_border(text, at)) continue;
    CAPTURE(at);
    auto pieces = scanned(text.substr(0, at));
    for (const auto& [begin, end] : scanned(text.substr(at))) pieces.emplace_back(begin + at, end + at);
    CHECK(pieces == whole);
  }
}
