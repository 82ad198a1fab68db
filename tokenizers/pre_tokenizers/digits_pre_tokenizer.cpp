#include "tokenizers/pre_tokenizers/digits_pre_tokenizer.h"

#include <fmt/format.h>

#include "tokenizers/pre_tokenizers/pieces.h"
#include "tokenizers/unicode_classes.h"

namespace langzoo {

void DigitsPreTokenizer::cut(std::vector<NormalizedText>& words) const {
  split_at_characters(words, individual_digits_ ? SplitBehavior::Isolated : SplitBehavior::Contiguous, is_numeric);
}

std::string DigitsPreTokenizer::to_json() const {
  return fmt::format(R"({{"type": "Digits", "individual_digits": {}}})", individual_digits_);
}

}  // namespace langzoo
