/// UTF-8: decoding and validation. A character here is a Unicode code point. No other langzoo header.
#pragma once

#include <cstddef>
#include <string_view>

namespace langzoo {

/// One decoded character. Where the bytes are ill-formed, `valid` is false, `code_point` is U+FFFD and `length` is that
/// of the maximal subpart (Unicode 3.9, table 3-8): the bytes that one U+FFFD replaces.
struct Utf8Char {
  char32_t code_point = 0xFFFD;
  std::size_t length = 1;
  bool valid = false;
};

/// The character at `at` < text.size(). Overlong forms, surrogates and values above U+10FFFF are ill-formed.
Utf8Char decode_utf8(std::string_view text, std::size_t at);

/// The offset of the first byte at or after `from` that is not ASCII, or text.size().
std::size_t ascii_end(std::string_view text, std::size_t from = 0);

/// The offset of the first ill-formed byte at or after `from`, or text.size().
std::size_t find_invalid_utf8(std::string_view text, std::size_t from = 0);
inline bool is_valid_utf8(std::string_view text) {
  return find_invalid_utf8(text) == text.size();
}

}  // namespace langzoo
