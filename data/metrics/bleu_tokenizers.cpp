#include "data/metrics/bleu_tokenizers.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/metrics/python_text.h"
#include "data/metrics/text_edits.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::pair<BleuTokenizer, std::string_view> kNames[] = {{BleuTokenizer::kNone, "none"},
                                                                 {BleuTokenizer::k13a, "13a"},
                                                                 {BleuTokenizer::kIntl, "intl"},
                                                                 {BleuTokenizer::kChar, "char"},
                                                                 {BleuTokenizer::kZh, "zh"}};

std::string tokenize_13a(std::string_view text) {
  auto line = fmt::format(" {} ", text);
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  unescape_entities(line);
  return separate_stops_and_dashes(spaced_out(line, stands_alone));
}

/// Copies `text`; where `matches` holds of two neighbours they are written with the spaces around them that `write`
/// puts, and neither is looked at again.
template <class Matches, class Write>
std::u32string replace_pairs(const std::u32string& text, const Matches& matches, const Write& write) {
  std::u32string replaced;
  std::size_t at = 0;
  while (at + 1 < text.size()) {
    if (matches(text_class(text[at]), text_class(text[at + 1]))) {
      write(replaced, text[at], text[at + 1]);
      at += 2;
    } else {
      replaced += text[at++];
    }
  }
  return replaced.append(text, at);
}

std::string tokenize_intl(std::string_view text) {
  constexpr auto kPunctuation = TextClass::kPunctuation, kNumber = TextClass::kNumber;
  auto characters = replace_pairs(
      characters_of(text), [](TextClass a, TextClass b) { return a != kNumber && b == kPunctuation; },
      [](std::u32string& out, char32_t a, char32_t b) {
        out += {a, U' ', b, U' '};
      });
  characters = replace_pairs(
      characters, [](TextClass a, TextClass b) { return a == kPunctuation && b != kNumber; },
      [](std::u32string& out, char32_t a, char32_t b) {
        out += {U' ', a, U' ', b};
      });
  std::string tokens;
  for (const char32_t c : characters) {
    const bool symbol = text_class(c) == TextClass::kSymbol;
    if (symbol) tokens += ' ';
    append_utf8(tokens, c);
    if (symbol) tokens += ' ';
  }
  return tokens;
}

std::string tokenize_char(std::string_view text) {
  std::string tokens;
  for (const char32_t c : characters_of(text)) {
    append_utf8(tokens, c);
    tokens += ' ';
  }
  return tokens;
}

/// What sacreBLEU takes for Chinese. Two of its ranges are meant to be beyond U+FFFF but are written as "\u2000" "0" to
/// "\u2a6d" "6" and as "\u2f80" "0" to "\u2fa1" "d", and as strings compare they hold U+2001 to U+2A6D, which quotation
/// marks and dashes are in, and U+2F81 to U+2FA1.
bool is_chinese(char32_t c) {
  static constexpr std::array<std::pair<char32_t, char32_t>, 19> kRanges = {{{0x2001, 0x2A6D},
                                                                             {0x2E80, 0x2EFF},
                                                                             {0x2F00, 0x2FDF},
                                                                             {0x2FF0, 0x2FFF},
                                                                             {0x3000, 0x303F},
                                                                             {0x3100, 0x312F},
                                                                             {0x31A0, 0x31BF},
                                                                             {0x31C0, 0x31EF},
                                                                             {0x3200, 0x32FF},
                                                                             {0x3300, 0x33FF},
                                                                             {0x3400, 0x4DB5},
                                                                             {0x4E00, 0x9FA5},
                                                                             {0x9FA6, 0x9FBB},
                                                                             {0xF900, 0xFA2D},
                                                                             {0xFA30, 0xFA6A},
                                                                             {0xFA70, 0xFAD9},
                                                                             {0xFE10, 0xFE1F},
                                                                             {0xFE30, 0xFE4F},
                                                                             {0xFF00, 0xFFEF}}};
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [c](const auto& range) { return c >= range.first && c <= range.second; });
}

std::string tokenize_zh(std::string_view text) {
  std::string spaced;
  for (const char32_t c : characters_of(python_strip(text))) {
    const bool alone = c >= 0x80 && is_chinese(c);
    if (alone) spaced += ' ';
    append_utf8(spaced, c);
    if (alone) spaced += ' ';
  }
  return separate_stops_and_dashes(spaced_out(spaced, stands_alone));
}

}  // namespace

std::string_view name_of(BleuTokenizer tokenizer) {
  return std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& n) { return n.first == tokenizer; })
      ->second;
}

BleuTokenizer bleu_tokenizer(std::string_view name) {
  for (const auto& [tokenizer, its_name] : kNames) {
    if (its_name == name) return tokenizer;
  }
  throw std::invalid_argument(fmt::format("tokenizer: {} is none of none, 13a, intl, char, zh", name));
}

std::string tokenize_for_bleu(BleuTokenizer tokenizer, std::string_view text) {
  switch (tokenizer) {
    case BleuTokenizer::k13a:
      return tokenize_13a(text);
    case BleuTokenizer::kIntl:
      return tokenize_intl(text);
    case BleuTokenizer::kChar:
      return tokenize_char(text);
    case BleuTokenizer::kZh:
      return tokenize_zh(text);
    case BleuTokenizer::kNone:
      break;
  }
  return std::string(text);
}

}  // namespace langzoo
