/// The special tokens that the tokenizers of sentences are trained with.
#pragma once

#include <string>
#include <vector>

#include "apps/training/run_tokenizer.h"

namespace langzoo {

/// TokenizerNeeds::special_tokens: what begins, ends and fills up sentences, and stands for unknown characters.
inline std::vector<std::string> sentence_tokens(const TokenizerSpec& spec) {
  if (spec.kind == "char") return {"<pad>", "<s>", "</s>", "<unk>"};
  if (spec.kind == "wordpiece") return {};  // its own [CLS], [SEP], [PAD] and [UNK]
  return {"<s>", "</s>", "<pad>"};
}

/// The same of texts that are read alone: what stands for unknown characters.
inline std::vector<std::string> reading_tokens(const TokenizerSpec& spec) {
  if (spec.kind == "char") return {"<unk>"};
  return {};
}

}  // namespace langzoo
