/// Splits at punctuation marks.
#pragma once

#include <string>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/split_behavior.h"

namespace langzoo {

class PunctuationPreTokenizer : public PreTokenizer {
 public:
  explicit PunctuationPreTokenizer(SplitBehavior behavior = SplitBehavior::Isolated) : behavior_(behavior) {}
  SplitBehavior behavior() const { return behavior_; }

  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override;

 private:
  SplitBehavior behavior_;
};

}  // namespace langzoo
