/// Tokens that are found in the text before any model sees it, special ones among them.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace langzoo {

/// Bounds the tables that are indexed by id: ids are below it.
inline constexpr std::size_t kMaxVocabularySize = std::size_t{1} << 21;

struct AddedToken {
  std::string content;
  TokenId id = 0;
  bool special = true;      // left out by decode(skip_special_tokens)
  bool normalized = false;  // sought after the others, in the normalized text between them, itself normalized
  bool single_word = false;  // only where no word character stands beside it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // and after it
};

/// Finds added tokens: leftmost first, the longest where several begin at one place; those not `normalized` take
/// precedence over the whole text.
class AddedTokens {
 public:
  /// A part of a text; `token` is null for what lies between tokens.
  struct Part {
    std::size_t begin, end;
    const AddedToken* token;
  };

  AddedTokens() = default;
  /// Throws std::invalid_argument for contents that are empty or not UTF-8, and for two tokens of one content or id,
  /// and for ids outside [0, kMaxVocabularySize).
  explicit AddedTokens(std::vector<AddedToken> tokens);

  const std::vector<AddedToken>& all() const { return tokens_; }
  const AddedToken* find(TokenId id) const;
  const AddedToken* find(std::string_view content) const;

  /// The parts of `text` in order; none is empty.
  std::vector<Part> split(std::string_view text) const;
  /// Whether some token stands in `text` across the border between the bytes at - 1 and at.
  bool stands_across(std::string_view text, std::size_t at) const;

 private:
  struct Matcher {
    std::vector<std::size_t> longest_first;  // into tokens_
    std::array<bool, 256> starts{};
    std::string first_bytes;  // the distinct ones; where there is only one, memchr finds it
  };

  void find_all(const Matcher& matcher, std::string_view text, std::size_t begin, std::size_t end,
                std::vector<Part>& parts) const;

  std::vector<AddedToken> tokens_;
  Matcher plain_, normalized_;
  std::unordered_map<TokenId, std::size_t> by_id_;
  std::unordered_map<std::string, std::size_t> by_content_;
};

}  // namespace langzoo
