#include "data/tasks/answers.h"

#include <algorithm>
#include <cctype>

#include "data/files/numbers.h"

namespace langzoo {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}
std::string lowered(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

std::string_view without_stop(std::string_view text) {
  text = trimmed(text);
  if (text.ends_with('.')) text.remove_suffix(1);
  return trimmed(text);
}

/// The next answer from `at` on, which moves behind it; empty: there is none.
std::string next_number(std::string_view text, std::size_t& at) {
  for (; at < text.size(); ++at) {
    if (!is_digit(text[at])) continue;
    // Behind a digit, as in "3-4", it is a dash.
    const bool negative = at > 0 && text[at - 1] == '-' && (at == 1 || !is_digit(text[at - 2]));
    std::string number = negative ? "-" : "";
    bool point = false;
    for (; at < text.size(); ++at) {
      const char c = text[at];
      const bool before_digit = at + 1 < text.size() && is_digit(text[at + 1]);
      if (c == ',' && before_digit) continue;
      if (c == '.' && !point && before_digit)
        point = true;
      else if (!is_digit(c))
        break;
      number += c;
    }
    return number;
  }
  return {};
}

/// The next run of word characters.
std::string_view next_word(std::string_view text, std::size_t& at) {
  while (at < text.size() && !is_word(text[at])) ++at;
  const auto begin = at;
  while (at < text.size() && is_word(text[at])) ++at;
  return text.substr(begin, at - begin);
}

std::string next_letter(std::string_view text, std::size_t& at) {
  while (at < text.size()) {
    const auto word = next_word(text, at);
    if (word.size() == 1 && word[0] >= 'A' && word[0] <= 'Z') return std::string(word);
  }
  return {};
}

std::string next_yes_no(std::string_view text, std::size_t& at) {
  while (at < text.size()) {
    const auto word = lowered(next_word(text, at));
    if (word == "yes" || word == "no") return word;
  }
  return {};
}

std::string next_answer(std::string_view text, std::size_t& at, AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kNumber:
      return next_number(text, at);
    case AnswerKind::kLetter:
      return next_letter(text, at);
    case AnswerKind::kYesNo:
      return next_yes_no(text, at);
    default:
      return {};
  }
}

/// Behind the last trigger; npos: there is none.
std::size_t behind_trigger(std::string_view text) {
  const auto at = lowered(text).rfind(lowered(kAnswerTrigger));
  return at == std::string::npos ? std::string_view::npos : at + kAnswerTrigger.size();
}

}  // namespace

std::string_view chain_answer_trigger(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kNumber:
      return "Therefore, the answer (arabic numerals) is";
    case AnswerKind::kLetter:
      return "Therefore, among A through E, the answer is";
    case AnswerKind::kYesNo:
      return "Therefore, the answer (Yes or No) is";
    default:
      return "Therefore, the answer is";
  }
}

std::string extract_answer(std::string_view text, AnswerKind kind) {
  const auto behind = behind_trigger(text);
  const bool triggered = behind != std::string_view::npos;
  if (kind == AnswerKind::kText || kind == AnswerKind::kChoice) {
    auto answer = triggered ? text.substr(behind) : text;
    if (triggered) answer = answer.substr(0, answer.find('\n'));
    answer = trimmed(answer);
    if (triggered && answer.starts_with(':')) answer.remove_prefix(1);
    return std::string(without_stop(answer));
  }
  if (triggered) {
    auto at = behind;
    return next_answer(text, at, kind);
  }
  std::string last;
  for (std::size_t at = 0; at < text.size();) {
    auto answer = next_answer(text, at, kind);
    if (!answer.empty()) last = std::move(answer);
  }
  return last;
}

bool same_answer(std::string_view extracted, std::string_view expected, AnswerKind kind) {
  if (extracted.empty()) return false;
  if (kind == AnswerKind::kText || kind == AnswerKind::kChoice)
    return without_stop(extracted) == without_stop(expected);
  const auto wanted = extract_answer(expected, kind);
  if (kind != AnswerKind::kNumber) return extracted == wanted;
  double a = 0, b = 0;
  return read_number(extracted, a) == NumberFault::kNone && read_number(wanted, b) == NumberFault::kNone && a == b;
}

std::string majority_answer(const std::vector<std::string>& extracted, AnswerKind kind) {
  std::string best;
  std::ptrdiff_t most = 0;
  for (const auto& answer : extracted) {
    const auto votes = std::count_if(extracted.begin(), extracted.end(),
                                     [&](const auto& other) { return same_answer(other, answer, kind); });
    if (votes > most) most = votes, best = answer;
  }
  return best;
}

}  // namespace langzoo
