/// GPT-2's pieces, their bytes spelled as characters (tokenizers/byte_level.h).
#pragma once

#include <string>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

namespace langzoo {

struct ByteLevelPreTokenizerOptions {
  bool add_prefix_space = true;  // a part that does not begin with a space gets one
  bool use_regex = true;         // cut into pieces; else the bytes are only spelled
};

class ByteLevelPreTokenizer : public PreTokenizer {
 public:
  explicit ByteLevelPreTokenizer(ByteLevelPreTokenizerOptions options = {}) : options_(options) {}
  const ByteLevelPreTokenizerOptions& options() const { return options_; }

  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override { return options_.use_regex; }

 private:
  ByteLevelPreTokenizerOptions options_;
};

}  // namespace langzoo
