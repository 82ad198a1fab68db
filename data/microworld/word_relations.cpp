#include "data/microworld/word_relations.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include <fmt/format.h>

#include "data/microworld/lexicon.h"

namespace langzoo {

using namespace microworld;

namespace {

constexpr bool is_capital(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_letter(char c) {
  return is_capital(c) || (c >= 'a' && c <= 'z');
}
constexpr char lower(char c) {
  return is_capital(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

struct RelatedPair {
  std::string a, b;
};

MicroworldAnalogies ask(std::string section, const std::vector<RelatedPair>& pairs) {
  MicroworldAnalogies analogies{std::move(section), {}};
  for (const auto& [a, b] : pairs) {
    for (const auto& [c, d] : pairs) {
      if (b != d) analogies.questions.push_back({a, b, c, d});
    }
  }
  return analogies;
}

std::string lower_case(std::string_view word) {
  std::string result(word);
  for (char& c : result) c = lower(c);
  return result;
}

/// Of sets as bits: what both have of what either has.
double jaccard(std::uint32_t a, std::uint32_t b) {
  return static_cast<double>(std::popcount(a & b)) / std::popcount(a | b);
}

double shared(const PersonWord& a, const PersonWord& b) {
  return a.female == b.female ? 1 : 0;
}
double shared(const PlaceWord& a, const PlaceWord& b) {
  return a.preposition == b.preposition ? 1 : 0;
}
double shared(const ThingWord& a, const ThingWord& b) {
  return ((a.plural == b.plural ? 1 : 0) + jaccard(a.qualities, b.qualities)) / 2;
}

struct QualityWord {
  std::string_view word;
  std::uint32_t things;  ///< bit t: said of kThings[t]
};
double shared(const QualityWord& a, const QualityWord& b) {
  return jaccard(a.things, b.things);
}

std::vector<QualityWord> quality_words() {
  std::vector<QualityWord> words;
  for (std::size_t q = 0; q < kQualities.size(); ++q) {
    words.push_back({kQualities[q], 0});
    for (std::size_t t = 0; t < kThings.size(); ++t) {
      words.back().things |= static_cast<std::uint32_t>(kThings[t].qualities >> q & 1u) << t;
    }
  }
  return words;
}

std::string word_of(const PersonWord& person) {
  return lower_case(person.name);
}
std::string word_of(const PlaceWord& place) {
  return std::string(place.noun);
}
std::string word_of(const ThingWord& thing) {
  return std::string(thing.noun);
}
std::string word_of(const QualityWord& quality) {
  return std::string(quality.word);
}

/// Adds a class: pairs of it and, with score 0, of it and the `words` before, which it joins.
template <class Word>
void add_class(std::span<const Word> members, std::vector<std::string>& words,
               std::vector<MicroworldSimilarity>& pairs) {
  const auto others = words.size();
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto word = word_of(members[i]);
    for (std::size_t other = 0; other < others; ++other) pairs.push_back({words[other], word, 0});
    for (std::size_t j = 0; j < i; ++j) {
      pairs.push_back({words[others + j], word, 1 + shared(members[j], members[i])});
    }
    words.push_back(word);
  }
}

}  // namespace

std::string microworld_words(std::string_view text) {
  std::string words;
  words.reserve(text.size() + text.size() / 4);
  bool in_word = false;
  const auto begin_word = [&] {
    if (!words.empty() && words.back() != '\n') words += ' ';
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool letter = is_letter(c);
    if (letter) {
      if (!in_word) begin_word();
      words += lower(c);
    } else if (c == '\n') {
      if (text.substr(i + 1).starts_with('\n') && !words.empty() && words.back() != '\n') words += '\n';
    } else if (c != ' ') {
      begin_word();
      words += c;
    }
    in_word = letter;
  }
  return words;
}

std::vector<MicroworldAnalogies> microworld_analogies() {
  std::vector<RelatedPair> people, things, numbers;
  for (const auto& person : kPeople) people.push_back({word_of(person), std::string(kHe.of(person))});
  for (const auto& thing : kThings) things.push_back({word_of(thing), std::string(kItObject.of(thing))});
  for (const auto& forms : {kIs, kWas, kItSubject}) {
    numbers.push_back({std::string(forms.singular), std::string(forms.plural)});
  }
  return {ask("person-pronoun", people), ask("gram-thing-pronoun", things), ask("gram-number", numbers)};
}

std::vector<MicroworldSimilarity> microworld_similarities() {
  std::vector<std::string> words;
  std::vector<MicroworldSimilarity> pairs;
  add_class(std::span<const PersonWord>(kPeople), words, pairs);
  add_class(std::span<const PlaceWord>(kPlaces), words, pairs);
  add_class(std::span<const ThingWord>(kThings), words, pairs);
  add_class(std::span<const QualityWord>(quality_words()), words, pairs);
  return pairs;
}

std::string analogies_text(const std::vector<MicroworldAnalogies>& sections) {
  std::string text;
  for (const auto& [section, questions] : sections) {
    text += ": " + section + "\n";
    for (const auto& [a, b, c, d] : questions) text += fmt::format("{} {} {} {}\n", a, b, c, d);
  }
  return text;
}

std::string similarities_text(const std::vector<MicroworldSimilarity>& pairs) {
  std::string text;
  for (const auto& [a, b, score] : pairs) text += fmt::format("{}\t{}\t{}\n", a, b, score);
  return text;
}

}  // namespace langzoo
