/// Trains byte-level BPE: the merges of Python `tokenizers`' BpeTrainer with the ByteLevel pre-tokenizer and alphabet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/trainers/text_source.h"

namespace langzoo {

struct ByteLevelBpeTrainerOptions {
  std::size_t vocab_size =
      50257;  // special tokens and the 256 bytes included; fewer where the text yields no more pairs
  std::uint64_t min_frequency = 0;  // a pair that is rarer is not merged
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
  std::optional<std::size_t> max_token_length;  // in bytes, as in BpeTrainerOptions
  bool add_prefix_space = false;
  std::size_t threads = 1;  // the result does not depend on it
  ProgressCallback progress;
};

/// The texts of `next`, of any bytes, each on its own, are read once; what is kept are the distinct pieces and their
/// counts. Pairs are merged by falling count, equal counts by rising (left id, right id).
/// The special token `<|endoftext|>` becomes bos, eos and unk, as in GPT-2; other usual names (<s>, </s>, <pad>) tell
/// their roles too.
/// Throws std::invalid_argument for a vocab_size below 256 + the special tokens.
std::unique_ptr<ByteLevelBpe> train_byte_level_bpe(const TextSource& next, const ByteLevelBpeTrainerOptions& options);

}  // namespace langzoo
