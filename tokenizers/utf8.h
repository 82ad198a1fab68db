/// UTF-8: repair, characters and bytes; data/files/utf8.h decodes and validates. A character here is a Unicode code
/// point.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/utf8.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

void append_utf8(std::string& text, char32_t code_point);

/// `text` with every ill-formed part replaced by U+FFFD, as JSON and terminals need it.
std::string sanitize_utf8(std::string_view text);

/// The length of `text` without a last character whose remaining bytes may still come: at most 3 bytes less.
std::size_t complete_utf8_length(std::string_view text);

/// How many characters `text` has; an ill-formed part counts as one.
std::size_t count_characters(std::string_view text);

/// The same ranges counted in characters: each grows to whole characters, as Python's `tokenizers` reports offsets.
std::vector<Offset> to_character_offsets(std::string_view text, std::span<const Offset> byte_offsets);

}  // namespace langzoo
