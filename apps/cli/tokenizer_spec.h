/// What --tokenizer asks for: a tokenizer to be made from the training text, or one to be read.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace langzoo {

struct TokenizerSpec {
  std::string kind;            ///< "char", or that of train:KIND:N; empty: `text` is a path
  std::size_t vocab_size = 0;  ///< N
  std::string text;            ///< as it was given
};

/// "char", "train:KIND:N" with one of `kinds`, or a path that exists. Throws UsageError naming `key` otherwise.
TokenizerSpec parse_tokenizer_spec(const std::string& text, const std::string& key,
                                   const std::vector<std::string>& kinds);

}  // namespace langzoo
