#include "data/metrics/porter_stemmer.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace langzoo {

namespace {

bool is_vowel(char c) {
  return std::string_view("aeiou").find(c) != std::string_view::npos;
}

/// Of each letter whether it is a consonant: y is one unless it follows one.
std::vector<bool> consonants(std::string_view word) {
  std::vector<bool> flags(word.size());
  for (std::size_t i = 0; i < word.size(); ++i) {
    flags[i] = word[i] == 'y' ? i == 0 || !flags[i - 1] : !is_vowel(word[i]);
  }
  return flags;
}

/// The paper's m: how often consonants follow vowels, [C](VC){m}[V].
std::size_t measure(std::string_view stem) {
  const auto flags = consonants(stem);
  std::size_t m = 0;
  for (std::size_t i = 1; i < flags.size(); ++i) m += !flags[i - 1] && flags[i];
  return m;
}

/// The paper's *v*.
bool has_vowel(std::string_view stem) {
  const auto flags = consonants(stem);
  return std::find(flags.begin(), flags.end(), false) != flags.end();
}

/// The paper's *d.
bool ends_with_double_consonant(std::string_view word) {
  const std::size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && consonants(word)[n - 1];
}

/// The paper's *o, consonant, vowel, consonant, the last not w, x or y; NLTK: also a vowel and a consonant alone.
bool ends_with_short_syllable(std::string_view word) {
  const auto c = consonants(word);
  const std::size_t n = word.size();
  if (n == 2) return !c[0] && c[1];
  return n >= 3 && c[n - 3] && !c[n - 2] && c[n - 1] && std::string_view("wxy").find(word[n - 1]) == std::string::npos;
}

struct Rule {
  std::string_view suffix, replacement;
};

/// Of the rules the first one whose suffix `word` has decides: it is followed where `applies` holds of the stem.
template <class Condition>
std::string follow(std::string word, std::span<const Rule> rules, const Condition& applies) {
  for (const auto& [suffix, replacement] : rules) {
    if (!word.ends_with(suffix)) continue;
    const auto stem = std::string_view(word).substr(0, word.size() - suffix.size());
    if (applies(stem, suffix)) return std::string(stem).append(replacement);
    break;
  }
  return word;
}

bool positive_measure(std::string_view stem, std::string_view) {
  return measure(stem) > 0;
}

std::string without_last(std::string_view word, std::size_t letters) {
  return std::string(word.substr(0, word.size() - letters));
}

/// Plurals.
std::string step_1a(std::string word) {
  if (word.ends_with("ies") && word.size() == 4) return without_last(word, 1);  // NLTK: dies
  static constexpr Rule kRules[] = {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}};
  return follow(std::move(word), kRules, [](auto...) { return true; });
}

/// Past tenses and participles.
std::string step_1b(std::string word) {
  if (word.ends_with("ied")) return without_last(word, word.size() == 4 ? 1 : 2);  // NLTK: died, spied
  if (word.ends_with("eed")) return measure(without_last(word, 3)) > 0 ? without_last(word, 1) : word;
  std::string stem;
  for (const std::string_view suffix : {"ed", "ing"}) {
    if (word.ends_with(suffix) && stem.empty()) stem = without_last(word, suffix.size());
    if (!has_vowel(stem)) stem.clear();
  }
  if (stem.empty()) return word;
  for (const std::string_view ending : {"at", "bl", "iz"}) {
    if (stem.ends_with(ending)) return stem + "e";
  }
  if (ends_with_double_consonant(stem)) {
    return std::string_view("lsz").find(stem.back()) == std::string::npos ? without_last(stem, 1) : stem;
  }
  return measure(stem) == 1 && ends_with_short_syllable(stem) ? stem + "e" : stem;
}

/// y after a consonant; the paper wants a vowel somewhere before it.
std::string step_1c(std::string word) {
  static constexpr Rule kRules[] = {{"y", "i"}};
  return follow(std::move(word), kRules,
                [](std::string_view stem, std::string_view) { return stem.size() > 1 && consonants(stem).back(); });
}

std::string step_2(std::string word) {
  // NLTK: before all others, and another ending may follow.
  while (word.ends_with("alli") && measure(without_last(word, 4)) > 0) word = without_last(word, 2);
  static constexpr Rule kRules[] = {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
                                    {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
                                    {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
                                    {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
                                    {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
                                    {"fulli", "ful"},   {"logi", "log"}};
  // NLTK: the l of "logi" counts as the stem's.
  const auto applies = [&](std::string_view stem, std::string_view suffix) {
    return measure(suffix == "logi" ? std::string_view(word).substr(0, stem.size() + 1) : stem) > 0;
  };
  return follow(word, kRules, applies);
}

std::string step_3(std::string word) {
  static constexpr Rule kRules[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                                    {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
  return follow(std::move(word), kRules, positive_measure);
}

std::string step_4(std::string word) {
  static constexpr Rule kRules[] = {{"al", ""},   {"ance", ""}, {"ence", ""}, {"er", ""},    {"ic", ""},
                                    {"able", ""}, {"ible", ""}, {"ant", ""},  {"ement", ""}, {"ment", ""},
                                    {"ent", ""},  {"ion", ""},  {"ou", ""},   {"ism", ""},   {"ate", ""},
                                    {"iti", ""},  {"ous", ""},  {"ive", ""},  {"ize", ""}};
  return follow(std::move(word), kRules, [](std::string_view stem, std::string_view suffix) {
    return measure(stem) > 1 && (suffix != "ion" || stem.ends_with('s') || stem.ends_with('t'));
  });
}

std::string step_5(std::string word) {
  if (word.ends_with('e')) {
    auto stem = without_last(word, 1);
    const auto m = measure(stem);
    if (m > 1 || (m == 1 && !ends_with_short_syllable(stem))) word = std::move(stem);
  }
  if (word.ends_with("ll") && measure(without_last(word, 1)) > 1) word.pop_back();
  return word;
}

/// NLTK: words that the rules get wrong.
constexpr std::pair<std::string_view, std::string_view> kIrregular[] = {
    {"sky", "sky"},        {"skies", "sky"},       {"dying", "die"},        {"lying", "lie"},
    {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
    {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
    {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"}};

}  // namespace

std::string porter_stem(std::string_view word) {
  for (const auto& [irregular, stem] : kIrregular) {
    if (word == irregular) return std::string(stem);
  }
  if (word.size() <= 2) return std::string(word);
  return step_5(step_4(step_3(step_2(step_1c(step_1b(step_1a(std::string(word))))))));
}

}  // namespace langzoo
