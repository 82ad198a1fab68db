#include "tokenizers/byte_level.h"

#include <array>
#include <cstdint>

#include "tokenizers/piece_characters.h"

namespace langzoo {

namespace {

/// The end of the contraction at the apostrophe p, or p.
inline const char* contraction_end(const char* p, const char* end) {
  if (end - p >= 2) {
    const char a = p[1];
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return p + 2;
    if (end - p >= 3 && ((a == 'r' && p[2] == 'e') || (a == 'v' && p[2] == 'e') || (a == 'l' && p[2] == 'l')))
      return p + 3;
  }
  return p;
}

/// byte -> code point that spells it, and back (0xFFFF: none; the spellings lie below 0x144).
struct Spelling {
  std::array<char32_t, 256> of_byte{};
  std::array<std::uint16_t, 0x144> to_byte{};
};

constexpr Spelling kSpelling = [] {
  Spelling s;
  for (auto& b : s.to_byte) b = 0xFFFF;
  char32_t next = 0x100;
  for (unsigned b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    s.of_byte[b] = printable ? b : next++;
    s.to_byte[s.of_byte[b]] = static_cast<std::uint16_t>(b);
  }
  return s;
}();

}  // namespace

char32_t spell_byte(unsigned char byte) {
  return kSpelling.of_byte[byte];
}

std::string spell_bytes(std::string_view bytes) {
  std::string spelled;
  for (const char b : bytes) append_utf8(spelled, spell_byte(static_cast<unsigned char>(b)));
  return spelled;
}

std::optional<std::string> unspell_bytes(std::string_view spelled) {
  std::string bytes;
  for (std::size_t at = 0; at < spelled.size();) {
    const Utf8Char c = decode_utf8(spelled, at);
    if (!c.valid || c.code_point >= kSpelling.to_byte.size() || kSpelling.to_byte[c.code_point] == 0xFFFF) return {};
    bytes.push_back(static_cast<char>(kSpelling.to_byte[c.code_point]));
    at += c.length;
  }
  return bytes;
}

std::size_t gpt2_piece_end(std::string_view text, std::size_t begin) {
  const char* const base = text.data();
  const char* const end = base + text.size();
  const char* p = base + begin;
  if (*p == '\'') {
    const char* after = contraction_end(p, end);
    if (after != p) return static_cast<std::size_t>(after - base);
  }
  const bool optional_space = *p == ' ' && p + 1 < end;
  const char* const first = p + optional_space;
  const PieceClass kind = piece_character_at(first).kind;
  if (kind != PieceClass::kSpace) {
    p = first;
    while (p < end) {
      const PieceCharacter c = piece_character_at(p);
      if (c.kind != kind) break;
      p += c.length;
    }
    return static_cast<std::size_t>(p - base);
  }
  // White space: all of it at the end of the text, else all but its last character, which may belong to the next piece.
  const char* const run = p;
  const char* last = p;
  while (p < end) {
    const PieceCharacter c = piece_character_at(p);
    if (c.kind != PieceClass::kSpace) break;
    last = p;
    p += c.length;
  }
  return static_cast<std::size_t>((p == end || last == run ? p : last) - base);
}

bool is_gpt2_border(std::string_view text, std::size_t at) {
  if (kPieceClassOfByte[static_cast<unsigned char>(text[at])] != PieceClass::kSpace) return false;
  std::size_t before = at - 1;
  while (before > 0 && at - before < 4 && (static_cast<unsigned char>(text[before]) & 0xC0) == 0x80) --before;
  const Utf8Char c = decode_utf8(text, before);
  return !c.valid || before + c.length != at || piece_class_of(c.code_point) != PieceClass::kSpace;
}

}  // namespace langzoo
