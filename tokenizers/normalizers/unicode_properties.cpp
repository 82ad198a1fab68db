#include "tokenizers/normalizers/unicode_properties.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include <utf8proc.h>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

struct CodePointRange {
  std::uint32_t first, last;
};
/// Every step-th character from first to last has a lower case that is `difference` away.
struct CaseRange {
  std::uint32_t first, last, step;
  std::int32_t difference;
};

#include "tokenizers/normalizers/unicode_tables.inc"

/// The range that has `c` between its ends, or nothing.
template <class Range, std::size_t n>
const Range* find_range(const Range (&ranges)[n], char32_t c) {
  const auto* found = std::lower_bound(std::begin(ranges), std::end(ranges), c,
                                       [](const Range& range, char32_t value) { return range.last < value; });
  return found != std::end(ranges) && found->first <= c ? found : nullptr;
}

/// A character that utf8proc, whose Unicode version may be another, joins as the reference joins `c`.
utf8proc_int32_t grapheme_representative(char32_t c) {
  constexpr utf8proc_int32_t kExtend = 0x301, kPrepend = 0x600, kControlCharacter = 0x1, kLetter = 'a';
  if (c < 0x80) return static_cast<utf8proc_int32_t>(c);
  if (find_range(kJoinsPrevious, c) != nullptr) return c == 0x200D ? 0x200D : kExtend;
  if (find_range(kJoinsNext, c) != nullptr) return kPrepend;
  if (find_range(kControl, c) != nullptr) return kControlCharacter;
  const auto code_point = static_cast<utf8proc_int32_t>(c);
  switch (utf8proc_get_property(code_point)->boundclass) {
    case UTF8PROC_BOUNDCLASS_EXTEND:
    case UTF8PROC_BOUNDCLASS_SPACINGMARK:
    case UTF8PROC_BOUNDCLASS_PREPEND:
    case UTF8PROC_BOUNDCLASS_CONTROL:
      return kLetter;
    default:
      return code_point;
  }
}

/// Whether no two characters of which this holds are in one cluster: letters, ideographs and syllables of common
/// scripts.
bool stands_apart(char32_t c) {
  if (c < 0x80) return c != '\r' && c != '\n';
  return (c >= 0xC0 && c < 0x300) || (c >= 0x370 && c < 0x483) || (c >= 0x3041 && c < 0x3097) ||
         (c >= 0x30A0 && c < 0x3200) || (c >= 0x3400 && c < 0xA000) || (c >= 0xAC00 && c < 0xD7A4);
}

}  // namespace

bool is_other(char32_t c) {
  return find_range(kOther, c) != nullptr;
}
bool is_nonspacing_mark(char32_t c) {
  return c >= 0x300 && find_range(kNonspacingMarks, c) != nullptr;
}
bool is_combining_mark(char32_t c) {
  return c >= 0x300 && find_range(kCombiningMarks, c) != nullptr;
}
bool is_inert(char32_t c) {
  return find_range(kInert, c) != nullptr;
}

char32_t to_lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  const CaseRange* range = find_range(kLowercase, c);
  if (range == nullptr || (c - range->first) % range->step != 0) return c;
  return static_cast<char32_t>(static_cast<std::int32_t>(c) + range->difference);
}

std::size_t grapheme_end(std::string_view text, std::size_t begin) {
  Utf8Char c = decode_utf8(text, begin);
  std::size_t at = begin + c.length;
  utf8proc_int32_t state = 0;
  while (at < text.size()) {
    const Utf8Char next = decode_utf8(text, at);
    if (stands_apart(c.code_point) && stands_apart(next.code_point)) break;
    if (utf8proc_grapheme_break_stateful(grapheme_representative(c.code_point),
                                         grapheme_representative(next.code_point), &state)) {
      break;
    }
    at += next.length;
    c = next;
  }
  return at;
}

}  // namespace langzoo
