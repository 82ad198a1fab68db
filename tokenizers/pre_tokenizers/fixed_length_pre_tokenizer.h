/// Words of so many characters, whatever they are.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

namespace langzoo {

class FixedLengthPreTokenizer : public PreTokenizer {
 public:
  /// Throws std::invalid_argument for a length of 0.
  explicit FixedLengthPreTokenizer(std::size_t length = 5);
  std::size_t length() const { return length_; }

  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override;

 private:
  std::size_t length_;
};

}  // namespace langzoo
