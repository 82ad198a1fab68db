#include "tokenizers/pre_tokenizers/punctuation_pre_tokenizer.h"

#include <fmt/format.h>

#include "tokenizers/pre_tokenizers/pieces.h"
#include "tokenizers/unicode_classes.h"

namespace langzoo {

void PunctuationPreTokenizer::cut(std::vector<NormalizedText>& words) const {
  split_at_characters(words, behavior_, is_punctuation);
}

std::string PunctuationPreTokenizer::to_json() const {
  return fmt::format(R"({{"type": "Punctuation", "behavior": "{}"}})", name_of(behavior_));
}

}  // namespace langzoo
