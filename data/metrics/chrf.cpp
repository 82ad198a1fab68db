#include "data/metrics/chrf.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include <fmt/format.h>

#include "data/metrics/ngram_matcher.h"
#include "data/metrics/python_text.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

using Numbers = std::vector<std::uint32_t>;

Numbers character_numbers(std::string_view text, bool whitespace) {
  Numbers numbers;
  for (const char32_t c : characters_of(text)) {
    if (whitespace || !is_python_space(c)) numbers.push_back(c);
  }
  return numbers;
}

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// Words without the punctuation at one of their ends: "(hi)" is "(hi" and ")".
std::vector<std::string_view> words_and_punctuation(std::string_view text) {
  std::vector<std::string_view> words;
  for (const auto word : split_words(text)) {
    if (decode_utf8(word, 0).length == word.size()) {
      words.push_back(word);
    } else if (is_ascii_punctuation(word.back())) {
      words.insert(words.end(), {word.substr(0, word.size() - 1), word.substr(word.size() - 1)});
    } else if (is_ascii_punctuation(word.front())) {
      words.insert(words.end(), {word.substr(0, 1), word.substr(1)});
    } else {
      words.push_back(word);
    }
  }
  return words;
}

/// Writes the triples of statistics of the orders from 1 on.
void measure_orders(NgramMatcher& matcher, const Numbers& hypothesis, const Numbers& reference,
                    std::span<double> statistics) {
  std::vector<double> matches(statistics.size() / 3);
  matcher.count(hypothesis, std::span(&reference, 1), matches);
  for (std::size_t i = 0; i < matches.size(); ++i) {
    const auto ngrams = [i](const Numbers& text) { return text.size() > i ? static_cast<double>(text.size() - i) : 0; };
    const auto triple = statistics.subspan(3 * i, 3);
    triple[1] = ngrams(reference);
    triple[0] = triple[1] > 0 ? ngrams(hypothesis) : 0;
    triple[2] = matches[i];
  }
}

}  // namespace

Chrf::Chrf(ChrfOptions options) : options_(options) {
  if (options_.char_order + options_.word_order == 0) throw std::invalid_argument("char_order and word_order: both 0");
  if (options_.beta < 1) throw std::invalid_argument(fmt::format("beta: {}", options_.beta));
}

std::string Chrf::name() const {
  return fmt::format("chrF{}{}", options_.beta, std::string(options_.word_order, '+'));
}

std::string Chrf::settings() const {
  return fmt::format("case:{}|eff:{}|nc:{}|nw:{}|space:{}", options_.lowercase ? "lc" : "mixed",
                     options_.eps_smoothing ? "no" : "yes", options_.char_order, options_.word_order,
                     options_.whitespace ? "yes" : "no");
}

void Chrf::measure(std::string_view hypothesis, std::span<const std::string_view> references,
                   std::span<double> statistics) const {
  const auto cased = [&](std::string_view text) { return options_.lowercase ? python_lower(text) : std::string(text); };
  const auto text = cased(hypothesis);
  const auto characters = character_numbers(text, options_.whitespace);
  const auto words = options_.word_order > 0 ? words_and_punctuation(text) : std::vector<std::string_view>();
  NgramMatcher matcher;
  double best = -1;
  std::vector<double> measured(statistics.size());
  for (const auto reference : references) {
    const auto reference_text = cased(reference);
    const auto of_characters = std::span(measured).first(3 * options_.char_order);
    measure_orders(matcher, characters, character_numbers(reference_text, options_.whitespace), of_characters);
    if (options_.word_order > 0) {
      const auto reference_words = words_and_punctuation(reference_text);
      WordNumbers numbers;
      numbers.reset(words.size() + reference_words.size());
      const auto reference_numbers = numbers(reference_words);
      measure_orders(matcher, numbers(words), reference_numbers, std::span(measured).subspan(of_characters.size()));
    }
    const double f = f_score(measured);
    if (f > best) {
      best = f;
      std::copy(measured.begin(), measured.end(), statistics.begin());
    }
  }
}

double Chrf::f_score(std::span<const double> sums) const {
  constexpr double kEpsilon = 1e-16;
  const double factor = static_cast<double>(options_.beta) * options_.beta;
  double smoothed = 0, precision_sum = 0, recall_sum = 0;
  int orders = 0;
  for (std::size_t i = 0; i < sums.size(); i += 3) {
    const double in_hypothesis = sums[i], in_reference = sums[i + 1], matches = sums[i + 2];
    const double precision = in_hypothesis > 0 ? matches / in_hypothesis : kEpsilon;
    const double recall = in_reference > 0 ? matches / in_reference : kEpsilon;
    const double denominator = factor * precision + recall;
    smoothed += denominator > 0 ? (1 + factor) * precision * recall / denominator : kEpsilon;
    if (in_hypothesis > 0 && in_reference > 0) {
      precision_sum += precision;
      recall_sum += recall;
      ++orders;
    }
  }
  if (options_.eps_smoothing) return 100 * smoothed / static_cast<double>(sums.size() / 3);
  if (orders == 0) return 0;
  const double precision = precision_sum / orders, recall = recall_sum / orders;
  if (precision + recall == 0) return 0;
  double score = (1 + factor) * precision * recall;
  score /= factor * precision + recall;
  return 100 * score;
}

}  // namespace langzoo
