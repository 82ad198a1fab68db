/// Microworld for word vectors: its text as words, and questions about those words whose answers the lexicon and the
/// grammar know.
///
///     const auto text = langzoo::microworld_words(langzoo::microworld_text(1, 4'000'000));
///     for (const auto& section : langzoo::microworld_analogies()) ...  // anna : she :: ben : he
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// Microworld's text as a text of words: lower case, punctuation marks words of their own, single spaces, a story a
/// line.
std::string microworld_words(std::string_view text);

struct MicroworldAnalogies {
  std::string section;
  std::vector<std::array<std::string, 4>> questions;  ///< a, b, c, d: a is to b as c is to d
};

/// Every two pairs of a relation with different answers make a question:
///
/// person-pronoun:      anna she ben he       a name and its pronoun
/// gram-thing-pronoun:  ball it shoes them    a thing and its pronoun as an object
/// gram-number:         is are was were       the singular and the plural of a verb or a pronoun
std::vector<MicroworldAnalogies> microworld_analogies();

struct MicroworldSimilarity {
  std::string a, b;
  double score;  ///< 0: words of different classes; else from 1 to 2
};

/// Every two of the names, places, things and qualities. Words of one class score 1 and the share of what the grammar
/// tells them apart by that they have in common: gender (names); preposition (places); half number, half the qualities
/// that both may have, of those that either may (things); the things that both may be said of, likewise (qualities).
std::vector<MicroworldSimilarity> microworld_similarities();

/// In the formats of other programs: ": section" and "a b c d" lines; "a TAB b TAB score" lines.
std::string analogies_text(const std::vector<MicroworldAnalogies>& sections);
std::string similarities_text(const std::vector<MicroworldSimilarity>& pairs);

}  // namespace langzoo
