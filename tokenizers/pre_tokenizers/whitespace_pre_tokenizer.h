/// Words between white space.
#pragma once

#include <string>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

namespace langzoo {

/// Runs of word characters, and runs of all others but white space: \w+|[^\w\s]+
class WhitespacePreTokenizer : public PreTokenizer {
 public:
  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override { return R"({"type": "Whitespace"})"; }
  bool cuts_at_borders() const override { return true; }
};

/// Everything between white space.
class WhitespaceSplitPreTokenizer : public PreTokenizer {
 public:
  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override { return R"({"type": "WhitespaceSplit"})"; }
  bool cuts_at_borders() const override { return true; }
};

}  // namespace langzoo
