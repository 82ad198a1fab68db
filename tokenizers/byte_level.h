/// GPT-2's byte level: every byte spelled as a printable character, and the pattern that cuts text into pieces.
/// Radford et al. 2019, section 2.2; reference: openai/gpt-2 encoder.py.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "tokenizers/utf8.h"

namespace langzoo {

/// Bytes spelled as characters: printable Latin-1 bytes stand for themselves, the other 68 are U+0100 and following in
/// byte order, so that a vocabulary holds neither spaces nor control characters ("Ġthe" is " the").
std::string spell_bytes(std::string_view bytes);
char32_t spell_byte(unsigned char byte);
/// The bytes that `spelled` stands for; nothing where a character spells no byte.
std::optional<std::string> unspell_bytes(std::string_view spelled);

/// GPT-2's pattern as it was published.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// The end of the piece that begins at text[begin], `begin` < text.size(), by GPT-2's pattern. `text` is valid UTF-8.
/// Letters and numbers are Unicode 16's whatever the system's libraries know, as in Python's `tokenizers`.
std::size_t gpt2_piece_end(std::string_view text, std::size_t begin);

/// Calls visit(begin, end) for the pieces of any text in order; an ill-formed part of it is a piece of its own.
template <class Visit>
void for_each_gpt2_piece(std::string_view text, Visit&& visit) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t invalid = find_invalid_utf8(text, begin);
    const std::string_view valid = text.substr(0, invalid);
    while (begin < invalid) {
      const std::size_t end = gpt2_piece_end(valid, begin);
      visit(begin, end);
      begin = end;
    }
    if (invalid < text.size()) {
      begin = invalid + decode_utf8(text, invalid).length;
      visit(invalid, begin);
    }
  }
}

/// Whether a text, UTF-8 or not, may be cut before text[at], 0 < at < text.size(), without changing its pieces: before
/// an ASCII white space that follows anything else, for the pattern only looks ahead, and past white space only.
bool is_gpt2_border(std::string_view text, std::size_t at);

}  // namespace langzoo
