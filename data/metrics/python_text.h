/// Text as Python's str and re see it, so that a metric comes out as Python's packages compute it: Python 3.11 (Unicode
/// 14) for case and white space, the `regex` package for the classes. Texts are UTF-8; an ill-formed part counts as
/// U+FFFD where characters matter.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// \p{P}, \p{S} and \p{N}, which exclude each other.
enum class TextClass : unsigned char { kOther, kPunctuation, kSymbol, kNumber };
TextClass text_class(char32_t c);

/// str.isspace of one character.
bool is_python_space(char32_t c);

/// str.lower: U+0130 becomes two characters, a capital sigma at the end of a word the final one.
std::string python_lower(std::string_view text);

/// str.strip and str.rstrip.
std::string_view python_strip(std::string_view text);
std::string_view python_rstrip(std::string_view text);

/// str.split: what stands between white space.
std::vector<std::string_view> split_words(std::string_view text);

/// The characters of `text`.
std::u32string characters_of(std::string_view text);

}  // namespace langzoo
