#include "tokenizers/pre_tokenizers/char_delimiter_split_pre_tokenizer.h"

#include <fmt/format.h>

#include "tokenizers/json_field.h"
#include "tokenizers/pre_tokenizers/pieces.h"

namespace langzoo {

void CharDelimiterSplitPreTokenizer::cut(std::vector<NormalizedText>& words) const {
  cut_runs(words, [this](char32_t c) { return c == delimiter_ ? Run::Dropped : Run::Word; });
}

std::string CharDelimiterSplitPreTokenizer::to_json() const {
  std::string delimiter;
  append_utf8(delimiter, delimiter_);
  return fmt::format(R"({{"type": "CharDelimiterSplit", "delimiter": {}}})", json_string(delimiter));
}

}  // namespace langzoo
