/// UTF-8: decoding, validation, repair, characters and bytes. A character here is a Unicode code point.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/tokenizer.h"

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
void append_utf8(std::string& text, char32_t code_point);

/// The offset of the first ill-formed byte at or after `from`, or text.size().
std::size_t find_invalid_utf8(std::string_view text, std::size_t from = 0);
inline bool is_valid_utf8(std::string_view text) {
  return find_invalid_utf8(text) == text.size();
}

/// `text` with every ill-formed part replaced by U+FFFD, as JSON and terminals need it.
std::string sanitize_utf8(std::string_view text);

/// The length of `text` without a last character whose remaining bytes may still come: at most 3 bytes less.
std::size_t complete_utf8_length(std::string_view text);

/// How many characters `text` has; an ill-formed part counts as one.
std::size_t count_characters(std::string_view text);

/// The same ranges counted in characters: each grows to whole characters, as Python's `tokenizers` reports offsets.
std::vector<Offset> to_character_offsets(std::string_view text, std::span<const Offset> byte_offsets);

}  // namespace langzoo
