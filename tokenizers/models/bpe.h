/// Byte-pair encoding over characters (Sennrich et al. 2016): GPT-1, subword-nmt, and byte-level vocabularies whose
/// pipeline is not GPT-2's own (that one is tokenizers/byte_level_bpe.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/models/token_model.h"

namespace langzoo {

struct BpeOptions {
  std::vector<std::string> tokens;  // by id; empty: no such id
  std::vector<BpeMerge> merges;     // by rank, the first goes first
  std::optional<std::string> unk_token;
  std::string continuing_subword_prefix;  // of the characters that do not begin a word
  std::string end_of_word_suffix;         // of the character that ends a word: "</w>"
  bool fuse_unk = false;                  // neighbouring unknown characters are one token
  bool byte_fallback = false;             // an unknown character becomes the tokens <0x..> of its bytes
  bool ignore_merges = false;             // a word that is a token is that token
  bool spells_unknown = false;            // an unknown token's string is the text it stands for; not in tokenizer.json
};

class Bpe : public TokenizerModel {
 public:
  /// Throws std::invalid_argument naming the token or merge that is wrong.
  explicit Bpe(BpeOptions options);
  ~Bpe() override;
  const BpeOptions& options() const;

  void tokenize(std::string_view word, std::vector<ModelToken>& tokens,
                SubwordSampling* sampling = nullptr) const override;
  std::size_t vocab_size() const override;
  std::optional<TokenId> token_to_id(std::string_view token) const override;
  std::optional<std::string_view> id_to_token(TokenId id) const override;
  std::optional<TokenId> unk() const override;
  bool spells_unknown() const override { return options().spells_unknown; }
  std::string to_json() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace langzoo
