#include "tokenizers/normalizers/unicode_normalizer.h"

#include <algorithm>

#include <utf8proc.h>

#include "tokenizers/normalizers/edits.h"
#include "tokenizers/normalizers/unicode_properties.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// A character of the decomposed text. `change` is NormalizedText::Char's.
struct Decomposed {
  char32_t code_point;
  int change;
  int combining_class;
};

/// Whether `c` is its own form beside all characters of which this holds.
bool is_unaffected(char32_t c, UnicodeForm form) {
  const bool composes = form == UnicodeForm::Nfc || form == UnicodeForm::Nfkc;
  const bool compatible = form == UnicodeForm::Nfkc || form == UnicodeForm::Nfkd;
  if (c < 0x300) return c < 0xA0 || (!compatible && (composes || c < 0xC0));
  return (c >= 0x4E00 && c <= 0x9FFF) || (composes && c >= 0xAC00 && c <= 0xD7A3);
}

bool is_unaffected(std::string_view text, UnicodeForm form) {
  for (std::size_t at = ascii_end(text); at < text.size(); at = ascii_end(text, at)) {
    const Utf8Char c = decode_utf8(text, at);
    if (!is_unaffected(c.code_point, form)) return false;
    at += c.length;
  }
  return true;
}

void decompose(std::string_view text, bool compatibility, std::vector<Decomposed>& out) {
  // The longest decomposition, U+FDFA's, is 18 characters.
  constexpr utf8proc_ssize_t kCapacity = 32;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0));
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    at += c.length;
    if (c.code_point < 0xA0 || is_inert(c.code_point)) {
      out.push_back({c.code_point, 0, 0});
      continue;
    }
    utf8proc_int32_t parts[kCapacity];
    int boundary = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.code_point), parts, kCapacity, options, &boundary);
    if (count <= 0 || count > kCapacity) {
      out.push_back({c.code_point, 0, 0});
      continue;
    }
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      const int combining_class = utf8proc_get_property(parts[i])->combining_class;
      out.push_back({static_cast<char32_t>(parts[i]), i == 0 ? 0 : 1, combining_class});
    }
  }
}

/// Canonical order: marks between two characters of class 0 by class. The changes go with their characters.
void reorder(std::vector<Decomposed>& chars) {
  for (std::size_t begin = 0; begin < chars.size();) {
    if (chars[begin].combining_class == 0) {
      ++begin;
      continue;
    }
    std::size_t end = begin + 1;
    while (end < chars.size() && chars[end].combining_class != 0) ++end;
    const auto by_class = [](const Decomposed& a, const Decomposed& b) {
      return a.combining_class < b.combining_class;
    };
    const auto first = chars.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = chars.begin() + static_cast<std::ptrdiff_t>(end);
    if (!std::is_sorted(first, last, by_class)) std::stable_sort(first, last, by_class);
    begin = end;
  }
}

/// The character that `first` and `second` compose, 0 where they do not.
char32_t compose(char32_t first, char32_t second) {
  if (second < 0x300) return 0;
  utf8proc_int32_t pair[3] = {static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second)};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  if (utf8proc_normalize_utf32(pair, 2, options) != 1) return 0;
  const auto composed = static_cast<char32_t>(pair[0]);
  return is_inert(composed) ? 0 : composed;
}

/// Composes a decomposed and ordered text in place: each character with the last one of class 0 before it, unless one
/// of its class or a higher one stands between.
void compose(std::vector<Decomposed>& chars) {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t starter = kNone, size = 0;
  int between = -1;  // the class of the last character that stands between
  for (const Decomposed c : chars) {
    if (starter != kNone && between < c.combining_class) {
      if (const char32_t composed = compose(chars[starter].code_point, c.code_point)) {
        chars[starter].code_point = composed;
        chars[starter].change += c.change - 1;  // it stands for what both stood for
        continue;
      }
    }
    if (c.combining_class == 0) {
      starter = size;
      between = -1;
    } else {
      between = c.combining_class;
    }
    chars[size++] = c;
  }
  chars.resize(size);
}

}  // namespace

void normalize_unicode(NormalizedText& text, UnicodeForm form) {
  if (is_unaffected(text.text(), form)) return;
  Scratch<Decomposed> decomposed;
  decompose(text.text(), form == UnicodeForm::Nfkc || form == UnicodeForm::Nfkd, *decomposed);
  reorder(*decomposed);
  if (form == UnicodeForm::Nfc || form == UnicodeForm::Nfkc) compose(*decomposed);
  Characters chars;
  for (const Decomposed& c : *decomposed) chars->push_back({c.code_point, c.change});
  text.transform(*chars);
}

void UnicodeNormalizer::normalize(NormalizedText& text) const {
  normalize_unicode(text, form_);
}

std::string UnicodeNormalizer::to_json() const {
  switch (form_) {
    case UnicodeForm::Nfc:
      return R"({"type":"NFC"})";
    case UnicodeForm::Nfd:
      return R"({"type":"NFD"})";
    case UnicodeForm::Nfkc:
      return R"({"type":"NFKC"})";
    default:
      return R"({"type":"NFKD"})";
  }
}

}  // namespace langzoo
