/// Chooses the words of a word-level vocabulary as Python `tokenizers`' WordLevelTrainer does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tokenizers/models/word_level.h"
#include "tokenizers/trainers/word_counts.h"

namespace langzoo {

struct WordLevelTrainerOptions {
  std::size_t vocab_size = 30000;   // special tokens included
  std::uint64_t min_frequency = 0;  // rarer words are left out
  std::vector<std::string> special_tokens = {"<unk>"};
};

/// Special tokens, then words by falling count, equal counts in the order of their bytes.
/// Throws std::invalid_argument for an empty special token and for a vocab_size that is above kMaxVocabularySize or
/// below the number of special tokens.
WordLevelOptions learn_word_level(const std::vector<WordCount>& words, const WordLevelTrainerOptions& options);

}  // namespace langzoo
