/// Learns a Unigram language model over subwords (Kudo 2018) from counted words, as Python `tokenizers`' UnigramTrainer
/// and SentencePiece do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/models/unigram.h"
#include "tokenizers/trainers/word_counts.h"

namespace langzoo {

struct UnigramTrainerOptions {
  std::size_t vocab_size = 8000;  // special tokens included; fewer where the words do not yield so many
  std::vector<std::string> special_tokens = {"<unk>", "<s>", "</s>", "<pad>"};  // get the first ids
  std::optional<std::string> unk_token = "<unk>";                               // one of special_tokens
  std::string initial_alphabet;     // characters that are pieces whether the words have them or not
  double character_coverage = 1.0;  // of the text, by the characters that become pieces; SentencePiece: 0.9995
  std::size_t max_piece_length = 16;
  std::size_t seed_size = 1000000;   // pieces that training begins with
  double shrinking_factor = 0.75;    // of the pieces, what one pruning leaves
  std::size_t n_sub_iterations = 2;  // of expectation maximization between prunings
  std::size_t threads = 1;           // the result does not depend on it
  ProgressCallback progress;
};

/// Pieces with their log probabilities: special tokens (0), then falling, equal ones in the order of their bytes.
///
/// Unlike both references, seeds are counted in the distinct words weighted by their counts, and every character is a
/// piece throughout. Words of more than 4096 characters are cut.
/// Throws std::invalid_argument naming the option that is wrong, also a vocab_size that has no room for the special
/// tokens and characters.
UnigramOptions learn_unigram(const std::vector<WordCount>& words, const UnigramTrainerOptions& options);

}  // namespace langzoo
