/// Splits at what a string or a regular expression matches.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/pre_tokenizers/pre_tokenizer.h"
#include "tokenizers/pre_tokenizers/split_behavior.h"
#include "tokenizers/text_pattern.h"

namespace langzoo {

struct SplitPreTokenizerOptions {
  TextPattern pattern;
  SplitBehavior behavior = SplitBehavior::Isolated;
  bool invert = false;  // what lies between matches is what the text is split at
};

/// The patterns of GPT-2 and cl100k, told by their text, run without a regular expression.
class SplitPreTokenizer : public PreTokenizer {
 public:
  explicit SplitPreTokenizer(SplitPreTokenizerOptions options);
  const SplitPreTokenizerOptions& options() const { return options_; }

  void cut(std::vector<NormalizedText>& words) const override;
  std::string to_json() const override;
  bool cuts_at_borders() const override;

 private:
  /// The end of the match that begins at text[begin]; every place is in a match.
  using PieceEnd = std::size_t (*)(std::string_view text, std::size_t begin);

  SplitPreTokenizerOptions options_;
  PieceEnd piece_end_ = nullptr;  // null: options_.pattern has to be asked
};

}  // namespace langzoo
