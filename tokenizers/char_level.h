/// Character-level tokenizer: one id a Unicode code point.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizers/added_tokens.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// All that defines a CharLevel.
struct CharLevelModel {
  std::vector<std::string> tokens;  // by id: one character each, or the content of an added token; empty: no such id
  std::vector<AddedToken> added_tokens;
  std::optional<TokenId> unk;  // stands for a character that has no id, and for an ill-formed byte
  SpecialTokens special_tokens;
};

class CharLevel : public Tokenizer {
 public:
  /// Throws std::invalid_argument naming the token that is wrong.
  explicit CharLevel(CharLevelModel model);

  /// The characters of `text`, by code point: ids 0, 1, ...; then `special_tokens`, if any. Throws std::runtime_error
  /// naming the offset where the text is not UTF-8, std::invalid_argument for a special token of one character.
  static std::unique_ptr<CharLevel> from_text(std::string_view text, std::span<const std::string> special_tokens = {});

  const CharLevelModel& model() const { return model_; }

  /// A character without id throws std::runtime_error naming it and its offset, unless the model has `unk`.
  using Tokenizer::encode;
  void encode(std::string_view text, std::vector<TokenId>& ids) const override;
  std::string decode(std::span<const TokenId> ids, bool skip_special_tokens = false) const override;

  std::size_t vocab_size() const override { return tokens_.size(); }
  std::optional<TokenId> token_to_id(std::string_view token) const override;
  std::string id_to_token(TokenId id) const override;
  bool has_token(TokenId id) const override;
  const SpecialTokens& special_tokens() const override { return model_.special_tokens; }
  std::size_t cut_point(std::string_view text, std::size_t at) const override;
  void save(const std::filesystem::path& dir) const override;

 protected:
  Encoding encode_sequence(std::string_view text, const EncodeOptions& options) const override;

 private:
  /// Calls visit(id, offset) for the tokens of `text`.
  template <class Visit>
  void for_each_token(std::string_view text, bool special_as_text, Visit&& visit) const;
  const std::string& token(TokenId id) const;

  CharLevelModel model_;
  AddedTokens added_;
  std::vector<std::string> tokens_;        // by id, added ones included
  std::vector<TokenId> ids_by_character_;  // by code point, up to the largest
  std::unordered_map<std::string, TokenId> ids_by_token_;
};

}  // namespace langzoo
