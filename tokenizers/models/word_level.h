/// Every word of the vocabulary one id, all others the unknown token.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "tokenizers/models/token_model.h"

namespace langzoo {

struct WordLevelOptions {
  std::vector<std::string> tokens;  // by id; empty: no such id
  std::string unk_token = "<unk>";  // unknown words are an error where the vocabulary lacks it
};

class WordLevel : public TokenizerModel {
 public:
  /// Throws std::invalid_argument naming the token that is wrong.
  explicit WordLevel(WordLevelOptions options);
  const WordLevelOptions& options() const { return options_; }

  void tokenize(std::string_view word, std::vector<ModelToken>& tokens,
                SubwordSampling* sampling = nullptr) const override;
  std::size_t vocab_size() const override;
  std::optional<TokenId> token_to_id(std::string_view token) const override;
  std::optional<std::string_view> id_to_token(TokenId id) const override;
  std::optional<TokenId> unk() const override;
  std::string to_json() const override;

 private:
  WordLevelOptions options_;
  std::unordered_map<std::string_view, TokenId> ids_;
};

}  // namespace langzoo
