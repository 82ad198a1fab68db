/// How a model becomes bytes, whoever has its n-grams: internal.
///
/// Header; for every length from 0 to the order its number of n-grams and first node; where each word's text begins,
/// and where the last one ends; the words with their probabilities; the nodes by length; the text; from a multiple of
/// 64 bytes on the tables of the n-grams of 2 words, 3 and so on: each entry stands at its home or behind entries of
/// smaller keys, the last place is empty; and the number of places of each table.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <span>
#include <vector>

#include "models/ngram/ngram_model.h"

namespace langzoo {

inline constexpr int kLargestNGramOrder = 64;

class NGramFile {
 public:
  using Unigram = NGramModel::Unigram;
  using Node = NGramModel::Node;
  using Entry = NGramModel::Entry;

  struct Level {
    std::uint64_t ngrams = 0;
    std::uint64_t first_node = 0;
  };
  struct Header {
    char magic[16] = {'l', 'a', 'n', 'g', 'z', 'o', 'o', ' ', 'n', '-', 'g', 'r', 'a', 'm', 's', '1'};
    std::uint32_t order = 1;
    UnseenRule rule = UnseenRule::kBackoff;
    float log10_factor = 0;   ///< of UnseenRule::kFactor
    float start_log10_p = 0;  ///< what ARPA files say of "<s>"
    std::uint32_t vocabulary = 0, sentence_end = 0;
    std::uint32_t start = 0;  ///< node of "<s>"
    std::uint32_t has_words = 0;
    std::uint64_t nodes = 1;
    std::uint64_t text_bytes = 0;
  };

  /// Of the table of so many n-grams.
  static std::uint64_t homes_for(std::uint64_t ngrams) { return ngrams + ngrams / 2 + 1; }

  /// In the order in which it is written.
  struct Parts {
    Header header;  ///< text_bytes and has_words are filled in
    std::vector<Level> levels;
    const NGramVocabulary* words = nullptr;  ///< or none
    std::span<const Unigram> unigrams;
    std::function<Node()> next_node;
    std::function<Entry()> next_entry;  ///< by length; keys ascend
  };
  static void write(std::ostream& out, Parts parts);

  static constexpr std::int32_t kSeveral = NGramModel::kSeveral;

  static std::uint64_t key(std::uint32_t node, std::int32_t word) { return NGramModel::mixed(node, word); }
};

}  // namespace langzoo
