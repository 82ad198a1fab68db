#include "data/metrics/squad.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

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

namespace {

struct RawScores {
  double exact = 0, f1 = 0;
};

RawScores raw_scores(const AnsweredQuestion& question) {
  const auto prediction = normalize_answer(question.prediction);
  RawScores best;
  bool any = false;
  const auto compare = [&](const std::string& answer) {
    any = true;
    const double exact = answer == prediction ? 1 : 0;
    best.exact = std::max(best.exact, exact);
    best.f1 = std::max(best.f1, answer.empty() ? exact : token_f1(prediction, answer));
  };
  for (const auto& answer : question.answers) {
    if (const auto normalized = normalize_answer(answer); !normalized.empty()) compare(normalized);
  }
  if (!any) compare("");
  return best;
}

/// Going up through the probabilities, each question's own prediction takes the place of "no answer".
BestAnswerScore best_score(std::span<const AnsweredQuestion> questions, std::span<const RawScores> raw,
                           double RawScores::*kind) {
  std::vector<std::size_t> order(questions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return questions[a].no_answer_probability < questions[b].no_answer_probability;
  });
  double sum = 0;
  for (const auto& question : questions) sum += question.answers.empty() ? 1 : 0;
  double most = sum, threshold = 0;
  for (const auto i : order) {
    if (!questions[i].answers.empty()) {
      sum += raw[i].*kind;
    } else if (!questions[i].prediction.empty()) {
      sum -= 1;
    }
    if (sum <= most) continue;
    most = sum;
    threshold = questions[i].no_answer_probability;
  }
  return {100 * most / static_cast<double>(questions.size()), threshold};
}

}  // namespace

SquadScores score_squad(std::span<const AnsweredQuestion> questions, double threshold) {
  if (questions.empty()) throw std::invalid_argument("questions: there are none");
  SquadScores scores;
  std::vector<RawScores> raw;
  for (const auto& question : questions) {
    if (std::isnan(question.no_answer_probability))
      throw std::invalid_argument("no_answer_probability is not a number");
    raw.push_back(raw_scores(question));
    const double none = question.answers.empty() ? 1 : 0;
    const auto score = question.no_answer_probability > threshold ? RawScores{none, none} : raw.back();
    for (auto* part : {&scores.all, question.answers.empty() ? &scores.no_answer : &scores.has_answer}) {
      part->exact += score.exact;
      part->f1 += score.f1;
      ++part->total;
    }
  }
  for (auto* part : {&scores.all, &scores.has_answer, &scores.no_answer}) {
    const auto total = static_cast<double>(std::max<std::size_t>(1, part->total));
    part->exact *= 100 / total;
    part->f1 *= 100 / total;
  }
  scores.best_exact = best_score(questions, raw, &RawScores::exact);
  scores.best_f1 = best_score(questions, raw, &RawScores::f1);
  return scores;
}

std::vector<double> Squad::scores(std::span<const double> sums) const {
  return {100 * sums[0] / sums[2], 100 * sums[1] / sums[2]};
}

}  // namespace langzoo
