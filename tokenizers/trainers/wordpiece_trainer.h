/// Learns a WordPiece vocabulary as Python `tokenizers`' WordPieceTrainer does: byte-pair encoding whose tokens inside
/// words carry a prefix, its merges forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/models/wordpiece.h"
#include "tokenizers/trainers/word_counts.h"

namespace langzoo {

struct WordPieceTrainerOptions {
  std::size_t vocab_size = 30000;  // as in BpeTrainerOptions, like the fields below
  std::uint64_t min_frequency = 0;
  std::vector<std::string> special_tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  std::string initial_alphabet;
  std::optional<std::size_t> limit_alphabet;
  std::string continuing_subword_prefix = "##";
  ProgressCallback progress;
};

/// Throws what learn_bpe throws.
WordPieceOptions learn_wordpiece(const std::vector<WordCount>& words, const WordPieceTrainerOptions& options);

}  // namespace langzoo
