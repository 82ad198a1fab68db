/// Pre-tokenizers one after the other, each cutting the words of the one before.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

namespace langzoo {

class SequencePreTokenizer : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<std::shared_ptr<const PreTokenizer>> pre_tokenizers)
      : pre_tokenizers_(std::move(pre_tokenizers)) {}
  const std::vector<std::shared_ptr<const PreTokenizer>>& pre_tokenizers() const { return pre_tokenizers_; }

  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override;
  /// The first one's words are what the others see.
  bool cuts_at_borders() const override {
    return !pre_tokenizers_.empty() && pre_tokenizers_.front()->cuts_at_borders();
  }

 private:
  std::vector<std::shared_ptr<const PreTokenizer>> pre_tokenizers_;
};

}  // namespace langzoo
