/// Learns byte-pair encoding (Sennrich et al. 2016) from counted words: the merges of Python `tokenizers`' BpeTrainer.
/// WordPiece and byte-level BPE are learned by the same function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/models/bpe.h"
#include "tokenizers/trainers/word_counts.h"

namespace langzoo {

struct BpeTrainerOptions {
  /// Special tokens and alphabet included, which are never cut short; fewer where the words yield no more pairs.
  std::size_t vocab_size = 30000;
  std::uint64_t min_frequency = 0;              // a pair that is rarer is not merged
  std::vector<std::string> special_tokens;      // get the first ids
  std::string initial_alphabet;                 // characters that are tokens whether the words have them or not
  std::optional<std::size_t> limit_alphabet;    // only so many characters, the most frequent; others are left out
  std::string continuing_subword_prefix;        // of the characters that do not begin a word: "##"
  std::string end_of_word_suffix;               // of the character that ends a word: "</w>"
  std::optional<std::size_t> max_token_length;  // tokens of so many characters are not made longer
  ProgressCallback progress;
};

/// Tokens and merges; what the words do not tell (the unknown token, for one) is the caller's to add.
///
/// Ids: special tokens, characters by code point, their forms with prefix and suffix in the order of their bytes, then
/// merges. Pairs are merged by falling count, equal counts by rising (left id, right id). The reference leaves the
/// order of the forms, and which of equally frequent characters limit_alphabet keeps, to a hash's chance; here the
/// lesser code point is kept. Throws std::invalid_argument for a vocab_size above kMaxVocabularySize and for an empty
/// special token.
BpeOptions learn_bpe(const std::vector<WordCount>& words, const BpeTrainerOptions& options);

}  // namespace langzoo
