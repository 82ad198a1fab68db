/// BERT's words (Devlin et al. 2018): everything between white space, punctuation marks by themselves.
#pragma once

#include <string>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

namespace langzoo {

class BertPreTokenizer : public PreTokenizer {
 public:
  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override { return R"({"type": "BertPreTokenizer"})"; }
  bool cuts_at_borders() const override { return true; }
};

}  // namespace langzoo
