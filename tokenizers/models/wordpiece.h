/// WordPiece (Schuster and Nakajima 2012; BERT, Devlin et al. 2018): the longest token that fits, again and again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tokenizers/models/token_model.h"

namespace langzoo {

struct WordPieceOptions {
  std::vector<std::string> tokens;  // by id; empty: no such id
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";  // begins every token that does not begin a word
  std::size_t max_input_chars_per_word = 100;    // a longer word is unknown
};

class WordPiece : public TokenizerModel {
 public:
  /// Throws std::invalid_argument naming the token that is wrong.
  explicit WordPiece(WordPieceOptions options);
  ~WordPiece() override;
  const WordPieceOptions& options() const;

  void tokenize(std::string_view word, std::vector<ModelToken>& tokens,
                SubwordSampling* sampling = nullptr) const override;
  std::size_t vocab_size() const override;
  std::optional<TokenId> token_to_id(std::string_view token) const override;
  std::optional<std::string_view> id_to_token(TokenId id) const override;
  std::optional<TokenId> unk() const override;
  std::string to_json() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace langzoo
