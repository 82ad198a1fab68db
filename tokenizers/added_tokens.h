/// Tokens that are found in the text before any model sees it, special ones among them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizers/aho_corasick.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

class Normalizer;

/// Bounds the tables that are indexed by id: ids are below it.
inline constexpr std::size_t kMaxVocabularySize = std::size_t{1} << 21;

struct AddedToken {
  std::string content;
  TokenId id = 0;
  bool special = true;       // left out by decode(skip_special_tokens)
  bool normalized = false;   // sought after the others, in the normalized text between them, itself normalized
  bool single_word = false;  // only where no word character stands beside it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // and after it
  bool operator==(const AddedToken&) const = default;
};

/// Finds added tokens: leftmost first, the longest where several begin at one place; those not `normalized` take
/// precedence over the whole text. Linear in the text, however many tokens there are.
class AddedTokens {
 public:
  /// A part of a text; `token` is null for what lies between tokens.
  struct Part {
    std::size_t begin, end;
    const AddedToken* token;
    bool operator==(const Part&) const = default;
  };

  AddedTokens() = default;
  /// Throws std::invalid_argument for contents that are empty or not UTF-8, and for two tokens of one content or id,
  /// and for ids outside [0, kMaxVocabularySize). `normalizer` is what the text goes through between the two passes.
  explicit AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer = nullptr);

  const std::vector<AddedToken>& all() const { return tokens_; }
  const AddedToken* find(TokenId id) const;
  const AddedToken* find(std::string_view content) const;

  /// The parts of `text` in order; none is empty. They cover the text without overlap, but that a token which begins
  /// with white space is found within the white space that an rstrip token before it has taken, as in Python's
  /// `tokenizers`. With `special_as_text` a special token that is found stays text, as does what it covers.
  std::vector<Part> split_plain(std::string_view text, bool special_as_text = false) const;  // those not `normalized`
  /// Second pass, over what the normalizer made of a part without a token.
  std::vector<Part> split_normalized(std::string_view text, bool special_as_text = false) const;
  /// Both passes, where there is no normalizer.
  std::vector<Part> split(std::string_view text, bool special_as_text = false) const;

  /// Whether cutting `text` between the bytes at - 1 and at may change the tokens found in it, or what they take.
  /// With a normalizer, `at` is a border (is_border in pipeline.h).
  bool stands_across(std::string_view text, std::size_t at) const;

  /// Whether the second pass may find other tokens in a text than in its parts between borders (is_border).
  bool normalized_cross_borders() const { return crosses_borders_; }

 private:
  struct Matcher {
    AhoCorasick automaton;
    std::vector<std::size_t> tokens;  // by the automaton's index, into tokens_
  };

  void find_all(const Matcher& matcher, std::string_view text, std::size_t begin, std::size_t end, bool special_as_text,
                std::vector<Part>& parts) const;
  bool stands_across(const Matcher& matcher, std::string_view text, std::size_t at) const;

  std::vector<AddedToken> tokens_;
  Matcher plain_, normalized_;
  bool has_normalizer_ = false;
  bool crosses_borders_ = false;
  std::unordered_map<TokenId, std::size_t> by_id_;
  std::unordered_map<std::string, std::size_t> by_content_;
};

}  // namespace langzoo
