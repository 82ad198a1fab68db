/// The tokens that tell a fine-tuned language model where a text begins, where the second one of a pair does, and where
/// it is to say what it thinks of them: START, DELIM and EXTRACT of Radford et al. 2018, section 3.3. No torch.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "data/tasks/token_examples.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// As the paper's program spells them.
inline constexpr std::array<std::string_view, 3> kTaskTokens = {"_start_", "_delimiter_", "_classify_"};

struct TaskTokens {
  TokenId start, delimiter, extract;

  /// None where the tokenizer lacks one of them.
  static std::optional<TaskTokens> of(const Tokenizer& tokenizer);

  /// START text EXTRACT, or START text DELIM pair EXTRACT where `pair` is not empty; without what a post-processor
  /// adds. `most` tokens at most, 0 being any number: what is too long is cut, of a pair the longer text first, and
  /// these three stay. Throws std::invalid_argument where there is no room between them.
  TokenRow row(const Tokenizer& tokenizer, std::string_view text, std::string_view pair, std::size_t most) const;
};

}  // namespace langzoo
