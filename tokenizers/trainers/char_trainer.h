/// Collects the characters of texts for a character-level tokenizer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizers/char_level.h"
#include "tokenizers/trainers/text_source.h"

namespace langzoo {

struct CharTrainerOptions {
  // Of more than one character; their ids follow the characters'. Usual names tell their roles: <s>, </s>, <pad>;
  // <|endoftext|> becomes bos and eos. With <unk> characters that the texts do not have are that.
  std::vector<std::string> special_tokens;
  ProgressCallback progress;
};

/// The characters of all texts, by code point, without holding the texts. Throws std::runtime_error naming the byte
/// where the texts are not UTF-8.
std::unique_ptr<CharLevel> train_char_level(const TextSource& next, const CharTrainerOptions& options);

}  // namespace langzoo
