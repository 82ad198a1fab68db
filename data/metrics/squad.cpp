#include "data/metrics/squad.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/metrics/ngram_matcher.h"
#include "data/metrics/python_text.h"
#include "tokenizers/unicode_classes.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

bool is_ascii_punctuation(char32_t c) {
  return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
}

/// What Python's \b stands between: letters and numbers; no marks.
bool is_word_part(char32_t c) {
  return (unicode_classes(c) & (unicode_class::kLetter | unicode_class::kNumber)) != 0;
}

double token_f1(const std::string& hypothesis, const std::string& reference) {
  const auto words = split_words(hypothesis), reference_words = split_words(reference);
  WordNumbers numbers;
  numbers.reset(words.size() + reference_words.size());
  const auto reference_numbers = numbers(reference_words);
  double common = 0;
  NgramMatcher().count(numbers(words), std::span(&reference_numbers, 1), std::span(&common, 1));
  if (common == 0) return 0;
  const double precision = common / static_cast<double>(words.size());
  const double recall = common / static_cast<double>(reference_words.size());
  return 2 * precision * recall / (precision + recall);
}

}  // namespace

std::string normalize_answer(std::string_view text) {
  std::string kept, word;
  const auto finish = [&] {
    kept += word == "a" || word == "an" || word == "the" ? " " : word;
    word.clear();
  };
  for (const char32_t c : characters_of(python_lower(text))) {
    if (is_ascii_punctuation(c)) continue;
    if (is_word_part(c)) {
      append_utf8(word, c);
    } else {
      finish();
      append_utf8(kept, c);
    }
  }
  finish();
  return fmt::format("{}", fmt::join(split_words(kept), " "));
}

void Squad::measure(std::string_view hypothesis, std::span<const std::string_view> references,
                    std::span<double> statistics) const {
  const auto answer = normalize_answer(hypothesis);
  for (const auto reference : references) {
    const auto normalized = normalize_answer(reference);
    statistics[0] = std::max(statistics[0], answer == normalized ? 1.0 : 0.0);
    statistics[1] = std::max(statistics[1], token_f1(answer, normalized));
  }
  statistics[2] = 1;
}

std::vector<double> Squad::scores(std::span<const double> sums) const {
  return {100 * sums[0] / sums[2], 100 * sums[1] / sums[2]};
}

}  // namespace langzoo
