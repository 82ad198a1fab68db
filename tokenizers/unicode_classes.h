/// The classes of characters that cut text into words, the same as in Python's `tokenizers` (whose parts differ in
/// their Unicode versions; see tests/reference/make_unicode_classes.py) whatever the system's libraries know.
#pragma once

#include <cstdint>

namespace langzoo {

/// A character may be of several classes.
namespace unicode_class {
inline constexpr std::uint8_t kLetter = 1;        // \p{L}
inline constexpr std::uint8_t kNumber = 2;        // \p{N}
inline constexpr std::uint8_t kWhiteSpace = 4;    // \s
inline constexpr std::uint8_t kWord = 8;          // \w
inline constexpr std::uint8_t kNumeric = 16;      // \p{N} of Digits
inline constexpr std::uint8_t kPunctuation = 32;  // \p{P} and the ASCII symbols
}  // namespace unicode_class

/// The classes of a code point, as bits; none beyond U+10FFFF.
std::uint8_t unicode_classes(char32_t c);

inline bool is_white_space(char32_t c) {
  return (unicode_classes(c) & unicode_class::kWhiteSpace) != 0;
}
inline bool is_word_character(char32_t c) {
  return (unicode_classes(c) & unicode_class::kWord) != 0;
}
inline bool is_numeric(char32_t c) {
  return (unicode_classes(c) & unicode_class::kNumeric) != 0;
}
inline bool is_punctuation(char32_t c) {
  return (unicode_classes(c) & unicode_class::kPunctuation) != 0;
}

}  // namespace langzoo
