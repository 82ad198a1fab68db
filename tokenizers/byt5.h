/// ByT5's tokenizer (https://arxiv.org/abs/2105.13626): a byte of UTF-8 is a token. Ids and text are those of
/// transformers' ByT5Tokenizer 5.23:
///
/// - 0, 1 and 2 are "<pad>", "</s>" and "<unk>", which a text may hold, white space beside them not counted; byte b is
///   3 + b; then come the sentinels "<extra_id_0>", "<extra_id_1>", ..., in this order, unlike T5's.
/// - "</s>" ends a text, but one that ends with it already.
/// - Bytes that are no UTF-8 have no text.
///
/// A folder has no vocabulary: tokenizer_config.json alone, or the model's config.json, says that it is ByT5's.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizers/added_tokens.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

class TokenizerConfig;

class ByT5Tokenizer : public Tokenizer {
 public:
  /// With that many sentinels.
  explicit ByT5Tokenizer(std::size_t extra_ids = 125);
  /// `added` are all tokens that are no bytes; the roles' ids are 0, 1 and 2. Throws std::invalid_argument.
  explicit ByT5Tokenizer(std::vector<AddedToken> added);

  using Tokenizer::encode;
  void encode(std::string_view text, std::vector<TokenId>& ids) const override;
  std::string decode(std::span<const TokenId> ids, bool skip_special_tokens = false) const override;

  std::size_t vocab_size() const override { return vocab_size_; }
  /// A byte's token is the character of its number: "é" is the byte 0xE9.
  std::optional<TokenId> token_to_id(std::string_view token) const override;
  std::string id_to_token(TokenId id) const override;
  bool has_token(TokenId id) const override;
  const SpecialTokens& special_tokens() const override { return special_tokens_; }
  std::size_t cut_point(std::string_view text, std::size_t at) const override;
  /// Writes tokenizer_config.json.
  void save(const std::filesystem::path& dir) const override;

 protected:
  Encoding encode_sequence(std::string_view text, const EncodeOptions& options) const override;

 private:
  template <class Visit>
  void for_each_token(std::string_view text, bool special_as_text, Visit&& visit) const;

  AddedTokens added_;
  std::size_t vocab_size_ = 0;
  SpecialTokens special_tokens_;
};

/// Whether `dir` says that its tokenizer is ByT5's. What cannot be read says nothing.
bool is_byt5(const std::filesystem::path& dir);

/// The tokenizer of such a folder. Throws FileError.
std::unique_ptr<ByT5Tokenizer> load_byt5(const TokenizerConfig& config);

}  // namespace langzoo
