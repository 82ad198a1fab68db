/// A BERT tokenizer of a vocabulary: [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4, then the pieces given.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/plain_test.h"
#include "tokenizers/tokenizer.h"

namespace langzoo::test {

inline std::unique_ptr<Tokenizer> word_piece(const std::vector<std::string>& pieces) {
  const TempDir dir;
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (const auto& piece : pieces) vocabulary += piece + "\n";
  write_file(dir / "vocab.txt", vocabulary);
  return load_tokenizer(dir.path());
}

}  // namespace langzoo::test
