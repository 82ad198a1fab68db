/// Words between one character.
#pragma once

#include <string>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

namespace langzoo {

class CharDelimiterSplitPreTokenizer : public PreTokenizer {
 public:
  explicit CharDelimiterSplitPreTokenizer(char32_t delimiter) : delimiter_(delimiter) {}
  char32_t delimiter() const { return delimiter_; }

  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return delimiter_ == U' '; }

 private:
  char32_t delimiter_;
};

}  // namespace langzoo
