#include "tokenizers/post_processors/trim_offsets.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "tokenizers/unicode_classes.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr char32_t kSpelledSpace = 0x120;  // byte 0x20 of a byte-level token

bool is_within_character(std::string_view text, std::size_t at) {
  return at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

std::size_t character_before(std::string_view text, std::size_t at) {
  do --at;
  while (is_within_character(text, at));
  return at;
}

std::size_t leading_spaces(std::string_view token) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < token.size(); ++count) {
    const Utf8Char c = decode_utf8(token, at);
    if (c.code_point != kSpelledSpace && !is_white_space(c.code_point)) break;
    at += c.length;
  }
  return count;
}

std::size_t trailing_spaces(std::string_view token) {
  std::size_t count = 0;
  for (std::size_t at = token.size(); at > 0; ++count) {
    at = character_before(token, at);
    const char32_t c = decode_utf8(token, at).code_point;
    if (c != kSpelledSpace && !is_white_space(c)) break;
  }
  return count;
}

/// A token of some of a character's bytes stands, as Python counts, for the character.
Offset whole_characters(Offset offset, std::string_view text) {
  while (is_within_character(text, offset.begin)) --offset.begin;
  while (is_within_character(text, offset.end)) ++offset.end;
  return offset;
}

Offset trim(Offset offset, std::string_view text, std::size_t leading, std::size_t trailing) {
  for (; leading > 0 && offset.begin < offset.end; --leading) offset.begin += decode_utf8(text, offset.begin).length;
  offset.begin = std::min(offset.begin, offset.end);
  std::size_t end = offset.end;
  for (; trailing > 0 && end > 0; --trailing) end = character_before(text, end);
  // A name with more white space than all of the text before it says nothing of the text.
  if (trailing == 0) offset.end = std::max(end, offset.begin);
  return offset;
}

void trim(Encoding& encoding, std::span<const std::string_view> texts, bool add_prefix_space) {
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    const std::int32_t sequence = encoding.sequence_ids[i];
    if (sequence == Encoding::kNoSequence) continue;
    const std::string_view text = texts[static_cast<std::size_t>(sequence)];
    std::size_t leading = leading_spaces(encoding.tokens[i]);
    const std::size_t trailing = trailing_spaces(encoding.tokens[i]);
    if (leading == 0 && trailing == 0) continue;
    const Offset offset = whole_characters(encoding.offsets[i], text);
    const bool first = i == 0 || offset.begin == 0;
    if (first && add_prefix_space && leading == 1) leading = 0;
    encoding.offsets[i] = trim(offset, text, leading, trailing);
  }
}

}  // namespace

void trim_offsets(std::vector<Encoding>& sequences, std::span<const std::string_view> texts, bool add_prefix_space) {
  for (Encoding& sequence : sequences) {
    trim(sequence, texts, add_prefix_space);
    for (Encoding& window : sequence.overflowing) trim(window, texts, add_prefix_space);
  }
}

}  // namespace langzoo
