#include "tokenizers/trainers/wordpiece_trainer.h"

#include <utility>

#include "tokenizers/trainers/bpe_trainer.h"

namespace langzoo {

WordPieceOptions learn_wordpiece(const std::vector<WordCount>& words, const WordPieceTrainerOptions& options) {
  BpeTrainerOptions bpe;
  bpe.vocab_size = options.vocab_size;
  bpe.min_frequency = options.min_frequency;
  bpe.special_tokens = options.special_tokens;
  bpe.initial_alphabet = options.initial_alphabet;
  bpe.limit_alphabet = options.limit_alphabet;
  bpe.continuing_subword_prefix = options.continuing_subword_prefix;
  bpe.progress = options.progress;
  WordPieceOptions learned;
  learned.tokens = learn_bpe(words, bpe).tokens;
  learned.continuing_subword_prefix = options.continuing_subword_prefix;
  return learned;
}

}  // namespace langzoo
