/// Properties of characters as the normalizers of Python's `tokenizers` know them: internal to the normalizers.
#pragma once

#include <cstddef>
#include <string_view>

#include "tokenizers/unicode_classes.h"

namespace langzoo {

/// Control, format, private use: what BertNormalizer takes for garbage. Characters without a meaning yet are none.
bool is_other(char32_t c);
bool is_nonspacing_mark(char32_t c);
bool is_combining_mark(char32_t c);
/// Later than the Unicode version that the normalization forms know: without decomposition and composition.
bool is_inert(char32_t c);
/// The lower case where it is one character: for all but U+0130, whose is "i" and U+0307.
char32_t to_lower(char32_t c);

/// The end of the extended grapheme cluster (Standard Annex #29) that begins at text[begin]. Indic conjuncts, which are
/// of 9 bytes and more, come apart: what this is for looks into clusters of up to 5.
std::size_t grapheme_end(std::string_view text, std::size_t begin);

}  // namespace langzoo
