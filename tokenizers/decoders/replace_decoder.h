/// Every match of a pattern in every token replaced.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tokenizers/decoders/decoder.h"
#include "tokenizers/text_pattern.h"

namespace langzoo {

class ReplaceDecoder : public Decoder {
 public:
  ReplaceDecoder(TextPattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  const TextPattern& pattern() const { return pattern_; }
  const std::string& content() const { return content_; }

  void decode(std::vector<std::string>& tokens) const override;
  std::string to_json() const override;

 private:
  TextPattern pattern_;
  std::string content_;
};

}  // namespace langzoo
