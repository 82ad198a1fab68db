/// Sets numbers apart from all else.
#pragma once

#include <string>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"

namespace langzoo {

class DigitsPreTokenizer : public PreTokenizer {
 public:
  /// `individual_digits`: every digit is a word, not every number.
  explicit DigitsPreTokenizer(bool individual_digits = false) : individual_digits_(individual_digits) {}
  bool individual_digits() const { return individual_digits_; }

  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override;

 private:
  bool individual_digits_;
};

}  // namespace langzoo
