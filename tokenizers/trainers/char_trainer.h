/// Collects the characters of texts for a character-level tokenizer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizers/char_level.h"
#include "tokenizers/trainers/text_source.h"

namespace langzoo {

struct CharTrainerOptions {
  std::vector<std::string> special_tokens;  // of more than one character; their ids follow the characters'
  ProgressCallback progress;
};

/// CharLevel::from_text of all texts in a row, without holding them. Throws std::runtime_error naming the byte where
/// the texts are not UTF-8.
std::unique_ptr<CharLevel> train_char_level(const TextSource& next, const CharTrainerOptions& options);

}  // namespace langzoo
