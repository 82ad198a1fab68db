/// The classes of characters that the patterns of byte-level BPE tell apart, read from UTF-8: internal to the scanners.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tokenizers/unicode_classes.h"

namespace langzoo {

enum class PieceClass : std::uint8_t { kOther, kLetter, kNumber, kSpace, kMultiByte };

inline PieceClass piece_class_of(char32_t c) {
  const std::uint8_t classes = unicode_classes(c);
  return classes & unicode_class::kLetter       ? PieceClass::kLetter
         : classes & unicode_class::kNumber     ? PieceClass::kNumber
         : classes & unicode_class::kWhiteSpace ? PieceClass::kSpace
                                                : PieceClass::kOther;
}

/// The class of every byte below 0x80; the others begin or continue a longer character.
inline constexpr std::array<PieceClass, 256> kPieceClassOfByte = [] {
  std::array<PieceClass, 256> classes{};
  for (unsigned b = 0; b < 256; ++b) {
    const bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
    const bool space = b == ' ' || (b >= 9 && b <= 13);
    classes[b] = b >= 0x80              ? PieceClass::kMultiByte
                 : letter               ? PieceClass::kLetter
                 : b >= '0' && b <= '9' ? PieceClass::kNumber
                 : space                ? PieceClass::kSpace
                                        : PieceClass::kOther;
  }
  return classes;
}();

struct PieceCharacter {
  PieceClass kind;
  std::size_t length;
};

/// The character at p, which has more than one byte; the text is known to be valid.
[[gnu::noinline]] inline PieceCharacter multi_byte_piece_character_at(const char* p) {
  const auto byte = [p](int i) -> char32_t { return static_cast<unsigned char>(p[i]); };
  if (byte(0) < 0xE0) return {piece_class_of((byte(0) & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  if (byte(0) < 0xF0) return {piece_class_of((byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)), 3};
  return {piece_class_of((byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F)),
          4};
}

/// The character at p. Nearly all are one byte: that is decided in place.
inline PieceCharacter piece_character_at(const char* p) {
  const PieceClass kind = kPieceClassOfByte[static_cast<unsigned char>(*p)];
  return kind == PieceClass::kMultiByte ? multi_byte_piece_character_at(p) : PieceCharacter{kind, 1};
}

}  // namespace langzoo
