#include "data/metrics/python_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

struct ClassRange {
  char32_t first, last;
  TextClass text_class;
};
/// How characters take part in the rule of the final sigma (The Unicode Standard, table 3-17).
enum class Casing : unsigned char { kCased, kIgnorable };
struct CasingRange {
  char32_t first, last;
  Casing casing;
};
/// Every step-th character from first to last has a lower case that is `difference` away.
struct LowerRange {
  char32_t first, last, step;
  std::int32_t difference;
};

constexpr auto P = TextClass::kPunctuation, S = TextClass::kSymbol, N = TextClass::kNumber;
constexpr auto Cased = Casing::kCased, Ignorable = Casing::kIgnorable;
#include "data/metrics/python_text_tables.inc"

/// The range that has `c` between its ends, or nothing.
template <class Range, std::size_t n>
const Range* find_range(const Range (&ranges)[n], char32_t c) {
  const auto* found = std::lower_bound(std::begin(ranges), std::end(ranges), c,
                                       [](const Range& range, char32_t value) { return range.last < value; });
  return found != std::end(ranges) && found->first <= c ? found : nullptr;
}

TextClass class_by_ranges(char32_t c) {
  const auto* range = find_range(kTextClasses, c);
  return range != nullptr ? range->text_class : TextClass::kOther;
}

char32_t lower_of(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  const auto* range = find_range(kLowerCase, c);
  if (range == nullptr || (c - range->first) % range->step != 0) return c;
  return static_cast<char32_t>(static_cast<std::int32_t>(c) + range->difference);
}

/// Whether the first character from `at` on in steps of `step` that is not to be ignored is a cased one.
bool meets_cased(const std::u32string& text, std::size_t at, std::size_t step) {
  // Before the beginning `at` wraps around and is beyond the end.
  for (; at < text.size(); at += step) {
    const auto* range = find_range(kCasing, text[at]);
    if (range == nullptr) return false;
    if (range->casing == Casing::kCased) return true;
  }
  return false;
}

constexpr char32_t kCapitalSigma = 0x3A3, kSigma = 0x3C3, kFinalSigma = 0x3C2, kCapitalIWithDot = 0x130;
constexpr std::size_t kBackwards = static_cast<std::size_t>(-1);

char32_t lower_sigma(const std::u32string& text, std::size_t at) {
  const bool final = meets_cased(text, at + kBackwards, kBackwards) && !meets_cased(text, at + 1, 1);
  return final ? kFinalSigma : kSigma;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

constexpr bool is_ascii_space(unsigned char c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
}

/// The bytes of the white space at text[at], 0 where none begins there.
std::size_t space_length(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return is_ascii_space(lead) ? 1 : 0;
  // U+0085, U+00A0, U+1680, U+2000 to U+205F, U+3000
  if (lead != 0xC2 && (lead < 0xE1 || lead > 0xE3)) return 0;
  const auto c = decode_utf8(text, at);
  return c.valid && is_python_space(c.code_point) ? c.length : 0;
}

}  // namespace

TextClass text_class(char32_t c) {
  static const auto ascii = [] {
    std::array<TextClass, 0x80> classes{};
    for (char32_t i = 0; i < classes.size(); ++i) classes[i] = class_by_ranges(i);
    return classes;
  }();
  return c < ascii.size() ? ascii[c] : class_by_ranges(c);
}

bool is_python_space(char32_t c) {
  if (c < 0x80) return is_ascii_space(static_cast<unsigned char>(c));
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string python_lower(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  if (is_ascii(text)) {
    for (const char c : text) lower += static_cast<char>(lower_of(static_cast<unsigned char>(c)));
    return lower;
  }
  const auto characters = characters_of(text);
  for (std::size_t i = 0; i < characters.size(); ++i) {
    const char32_t c = characters[i];
    if (c == kCapitalIWithDot) {
      lower += "i\u0307";
    } else {
      append_utf8(lower, c == kCapitalSigma ? lower_sigma(characters, i) : lower_of(c));
    }
  }
  return lower;
}

std::string_view python_rstrip(std::string_view text) {
  while (!text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && text.size() - at < 3 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    const std::size_t length = space_length(text, at);
    if (length == 0 || at + length != text.size()) break;
    text.remove_suffix(length);
  }
  return text;
}

std::string_view python_strip(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = space_length(text, 0);
    if (length == 0) break;
    text.remove_prefix(length);
  }
  return python_rstrip(text);
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = space_length(text, at);
    if (length > 0 && at > begin) words.push_back(text.substr(begin, at - begin));
    at += std::max<std::size_t>(length, 1);
    if (length > 0) begin = at;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

std::u32string characters_of(std::string_view text) {
  std::u32string characters;
  characters.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto c = decode_utf8(text, at);
    characters += c.code_point;
    at += c.length;
  }
  return characters;
}

}  // namespace langzoo
