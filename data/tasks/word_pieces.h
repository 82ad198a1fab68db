/// Words as a model reads them: their pieces, and which piece speaks for a word. No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace langzoo {

struct WordPieces {
  std::vector<TokenId> ids;  ///< special tokens included
  std::vector<std::int32_t> type_ids;
  /// Of each word the position of its first piece; -1: it has none, because nothing of it is left (a control character)
  /// or it stands behind max_length.
  std::vector<std::int32_t> first;
  std::size_t cut = 0;          ///< words that have none for the second reason
  std::string text = {};        ///< the words with single spaces between them
  std::vector<Offset> offsets;  ///< of the pieces in it; empty ones of special tokens
};

/// The words of a sentence with single spaces between them. A piece belongs to the word where its text begins, the
/// space before it left out. max_length 0: no bound, nor the tokenizer's own. Throws what the tokenizer throws.
WordPieces word_pieces(std::span<const std::string> words, const Tokenizer& tokenizer, std::size_t max_length = 0);

/// Labels of pieces: of a word's first one the word's, elsewhere -100.
std::vector<std::int64_t> piece_labels(const WordPieces& pieces, std::span<const std::int64_t> word_labels);

/// What the first piece of each word says, of a label for each piece; `otherwise` of words without one.
std::vector<std::int64_t> word_labels(const WordPieces& pieces, std::span<const std::int64_t> piece_labels,
                                      std::int64_t otherwise);

}  // namespace langzoo
