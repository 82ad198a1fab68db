/// The words that a Unigram model is trained on, and pieces of them: internal to the trainer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/trainers/word_counts.h"

namespace langzoo {

/// The words as numbers of their characters.
struct UnigramText {
  static constexpr std::uint32_t kEnd = 0;  // stands behind every word; characters have numbers from 1 on

  struct Word {
    std::size_t begin;
    std::uint32_t size;
    std::uint64_t count;
  };

  std::vector<char32_t> alphabet;      // by number; [0] is unused
  std::vector<std::uint32_t> symbols;  // of all words, kEnd behind each
  std::vector<Word> words;
  std::vector<std::uint64_t> counts;  // of the characters, by number

  std::string spell(std::size_t begin, std::size_t size) const;
};

/// `initial_alphabet` and the most frequent characters, as many as make up `character_coverage` of the text, of equally
/// frequent ones the lesser code points; words are cut at the others, which are left out. A character that no word has
/// is a word of count 0. Words longer than kMaxWordCharacters are cut, so that working memory is bounded.
UnigramText make_unigram_text(const std::vector<WordCount>& words, std::string_view initial_alphabet,
                              double character_coverage);

inline constexpr std::size_t kMaxUnigramWord = 4096;

/// symbols[begin, begin + size) of the text, with its log probability (while it is a seed: its weight).
struct UnigramPiece {
  std::size_t begin;
  std::uint32_t size;
  double score;
};

/// What training begins with: every character with its count, then at most `most` strings of 2 to `max_length`
/// characters that occur at least twice, those of the largest count times length. Of strings that always stand in the
/// same longer one only the longest is taken. Time is that of sorting all positions, memory linear in them.
std::vector<UnigramPiece> find_unigram_seeds(const UnigramText& text, std::size_t max_length, std::size_t most);

}  // namespace langzoo
