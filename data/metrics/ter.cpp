#include "data/metrics/ter.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/metrics/ngram_matcher.h"
#include "data/metrics/python_text.h"
#include "data/metrics/text_edits.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

std::string normalize_western(std::string_view text) {
  std::string line(text);
  replace_all(line, "\n-", "");
  replace_all(line, "\n", " ");
  unescape_entities(line);
  // Possessives: "'s" is cut off before a space. (At the end of the line there always is one.)
  line = spaced_out(fmt::format(" {} ", line), stands_alone);
  replace_all(line, "'s ", " 's ");
  return separate_stops_and_dashes(line);
}

bool is_asian_punctuation(char32_t c) {
  return c == 0x3001 || c == 0x3002 || (c >= 0x3008 && c <= 0x3011) || (c >= 0x3014 && c <= 0x301F) ||
         (c >= 0xFF61 && c <= 0xFF65) || c == 0x30FB;
}

bool is_full_width_punctuation(char32_t c) {
  return std::u32string_view(U"\uFF0E\uFF0C\uFF1F\uFF1A\uFF1B\uFF01\uFF02\uFF08\uFF09").find(c) !=
         std::u32string_view::npos;
}

/// Characters that are words by themselves: ideographs, and what sacreBLEU's "3200 to 3f22" takes with them. Its rules
/// for Hiragana and Katakana want the line to begin with these, which after normalize_western begins with a space.
bool is_asian_word(char32_t c) {
  return (c >= 0x2E80 && c <= 0x2EFF) || (c >= 0x31C0 && c <= 0x31EF) || (c >= 0x3200 && c <= 0x4DBF) ||
         (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE4F) ||
         is_asian_punctuation(c) || is_full_width_punctuation(c);
}

std::string separate_asian(std::string_view text) {
  std::string separated;
  for (const char32_t c : characters_of(text)) {
    const bool word = is_asian_word(c);
    if (word) separated += ' ';
    append_utf8(separated, c);
    if (word) separated += ' ';
  }
  return separated;
}

std::string without_punctuation(std::string_view text, bool asian) {
  std::string kept;
  for (const char32_t c : characters_of(text)) {
    const bool western = c < 0x80 && std::string_view(".,?:;!\"()").find(static_cast<char>(c)) != std::string::npos;
    if (!western && !(asian && (is_asian_punctuation(c) || is_full_width_punctuation(c)))) append_utf8(kept, c);
  }
  return kept;
}

}  // namespace

std::string Ter::settings() const {
  const auto said = [](bool yes) { return yes ? "yes" : "no"; };
  return fmt::format("case:{}|tok:tercom|norm:{}|punct:{}|asian:{}", options_.case_sensitive ? "mixed" : "lc",
                     said(options_.normalized), said(!options_.no_punct), said(options_.asian_support));
}

std::string Ter::tokenize(std::string_view text) const {
  const auto stripped = python_rstrip(text);
  if (stripped.empty()) return {};
  auto line = options_.case_sensitive ? std::string(stripped) : python_lower(stripped);
  if (options_.normalized) {
    line = normalize_western(line);
    if (options_.asian_support) line = separate_asian(line);
  }
  if (options_.no_punct) line = without_punctuation(line, options_.asian_support);
  return fmt::format("{}", fmt::join(split_words(line), " "));
}

void Ter::measure(std::string_view hypothesis, std::span<const std::string_view> references,
                  std::span<double> statistics) const {
  const auto text = tokenize(hypothesis);
  const auto words = split_words(text);
  double lengths = 0;
  auto fewest = std::numeric_limits<std::int64_t>::max();
  for (const auto reference : references) {
    // sacreBLEU does this to references twice, which matters to "it's" before white space that is no space.
    const auto reference_text = tokenize(tokenize(reference));
    const auto reference_words = split_words(reference_text);
    WordNumbers numbers;
    numbers.reset(words.size() + reference_words.size());
    const auto numbered = numbers(words);
    fewest = std::min(fewest, count_edits(numbered, numbers(reference_words)));
    lengths += static_cast<double>(reference_words.size());
  }
  statistics[0] = static_cast<double>(fewest);
  statistics[1] = lengths / static_cast<double>(references.size());
}

std::vector<double> Ter::scores(std::span<const double> sums) const {
  const double edits = sums[0], words = sums[1];
  if (words > 0) return {100 * (edits / words)};
  return {edits > 0 ? 100.0 : 0.0};
}

}  // namespace langzoo
