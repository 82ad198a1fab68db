/// Post-processor TemplateProcessing: one template for a text and one for a pair, of texts and special tokens in any
/// order, each with its type id.
#pragma once

#include <cstdint>
#include <map>

#include "tokenizers/post_processors/post_processor.h"

namespace langzoo {

/// One piece of a template.
struct TemplatePiece {
  enum class Kind { First, Second, SpecialToken };  // the first text, the second, a special token
  Kind kind = Kind::First;
  std::int32_t type_id = 0;
  std::string special_token;  // its name in TemplateProcessing::Options::special_tokens
  bool operator==(const TemplatePiece&) const = default;
};

/// The pieces of "[CLS] $A [SEP] $B:1 [SEP]:1": special tokens, $A and $B (or $ and $0 for $A, $2 for $A:2), with
/// `:type_id` where it is not 0. Throws std::invalid_argument naming the piece that is wrong.
std::vector<TemplatePiece> parse_template(std::string_view text);

class TemplateProcessing : public PostProcessor {
 public:
  /// What a special token stands for: one or more tokens.
  struct SpecialToken {
    std::vector<TokenId> ids;
    std::vector<std::string> tokens;
  };
  struct Options {
    std::vector<TemplatePiece> single = parse_template("$A");
    std::vector<TemplatePiece> pair = parse_template("$A $B:1");
    std::map<std::string, SpecialToken> special_tokens;
  };

  /// A template adds at most so many tokens.
  static constexpr std::size_t kMaxAddedTokens = 65536;

  /// Throws std::invalid_argument for a special token that is not in the table or has not as many tokens as ids, for a
  /// second text in `single`, and for more than kMaxAddedTokens.
  explicit TemplateProcessing(Options options);
  const Options& options() const { return options_; }

  std::size_t added_tokens(bool pair) const override { return pair ? added_pair_ : added_single_; }
  /// Throws std::runtime_error for another number of sequences than 1 or 2.
  std::vector<Encoding> process(std::vector<Encoding> sequences, std::span<const std::string_view> texts,
                                bool add_special_tokens) const override;
  std::string to_json() const override;

 private:
  Options options_;
  std::size_t added_single_, added_pair_;
};

}  // namespace langzoo
