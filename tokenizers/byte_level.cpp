#include "tokenizers/byte_level.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace langzoo {

namespace {

enum class Class : std::uint8_t { kOther, kLetter, kNumber, kSpace, kMultiByte };

struct CodePointRange {
  char32_t first, last;
};
#include "tokenizers/unicode_classes.inc"
constexpr CodePointRange kSpaces[] = {{0x9, 0xD},       {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                                      {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                      {0x205F, 0x205F}, {0x3000, 0x3000}};

/// Two stages: a block number for every 256 code points, and the distinct blocks.
class ClassTable {
 public:
  ClassTable() {
    std::vector<Class> all(0x110000, Class::kOther);
    const auto fill = [&](const auto& ranges, Class value) {
      for (const CodePointRange& r : ranges) std::fill(all.begin() + r.first, all.begin() + r.last + 1, value);
    };
    fill(kLetters, Class::kLetter);
    fill(kNumbers, Class::kNumber);
    fill(kSpaces, Class::kSpace);
    for (std::size_t b = 0; b < block_of_.size(); ++b) {
      Block block;
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(b * 256), 256, block.begin());
      const auto found = std::find(blocks_.begin(), blocks_.end(), block);
      block_of_[b] = static_cast<std::uint8_t>(found - blocks_.begin());
      if (found == blocks_.end()) blocks_.push_back(block);
    }
  }
  Class operator[](char32_t c) const { return blocks_[block_of_[c >> 8]][c & 0xFF]; }

 private:
  using Block = std::array<Class, 256>;
  std::array<std::uint8_t, 0x1100> block_of_{};
  std::vector<Block> blocks_;
};

Class class_of(char32_t c) {
  static const ClassTable table;
  return table[c];
}

/// The class of every byte below 0x80; the others begin or continue a longer character.
constexpr std::array<Class, 256> kByteClass = [] {
  std::array<Class, 256> classes{};
  for (unsigned b = 0; b < 256; ++b) {
    const bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
    const bool space = b == ' ' || (b >= 9 && b <= 13);
    classes[b] = b >= 0x80              ? Class::kMultiByte
                 : letter               ? Class::kLetter
                 : b >= '0' && b <= '9' ? Class::kNumber
                 : space                ? Class::kSpace
                                        : Class::kOther;
  }
  return classes;
}();

struct Char {
  Class kind;
  std::size_t length;
};

/// The character at p; the text is known to be valid.
inline Char char_at(const char* p) {
  const auto byte = [p](int i) -> char32_t { return static_cast<unsigned char>(p[i]); };
  const Class kind = kByteClass[byte(0)];
  if (kind != Class::kMultiByte) return {kind, 1};
  if (byte(0) < 0xE0) return {class_of((byte(0) & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  if (byte(0) < 0xF0) return {class_of((byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)), 3};
  return {class_of((byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F)), 4};
}

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

std::string spell_bytes(std::string_view bytes) {
  std::string spelled;
  for (const char b : bytes) append_utf8(spelled, kSpelling.of_byte[static_cast<unsigned char>(b)]);
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
  const Class kind = char_at(first).kind;
  if (kind != Class::kSpace) {
    p = first;
    while (p < end) {
      const Char c = char_at(p);
      if (c.kind != kind) break;
      p += c.length;
    }
    return static_cast<std::size_t>(p - base);
  }
  // White space: all of it at the end of the text, else all but its last character, which may belong to the next piece.
  const char* const run = p;
  const char* last = p;
  while (p < end) {
    const Char c = char_at(p);
    if (c.kind != Class::kSpace) break;
    last = p;
    p += c.length;
  }
  return static_cast<std::size_t>((p == end || last == run ? p : last) - base);
}

bool is_gpt2_border(std::string_view text, std::size_t at) {
  if (kByteClass[static_cast<unsigned char>(text[at])] != Class::kSpace) return false;
  std::size_t before = at - 1;
  while (before > 0 && at - before < 4 && (static_cast<unsigned char>(text[before]) & 0xC0) == 0x80) --before;
  const Utf8Char c = decode_utf8(text, before);
  return !c.valid || before + c.length != at || class_of(c.code_point) != Class::kSpace;
}

}  // namespace langzoo
