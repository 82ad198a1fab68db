/// Unigram language model over subwords (Kudo 2018): the segmentation of largest probability, by Viterbi.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tokenizers/models/token_model.h"

namespace langzoo {

struct UnigramOptions {
  std::vector<std::pair<std::string, double>> pieces;  // by id, with log probability
  std::optional<TokenId> unk_id;
  bool byte_fallback = false;  // what has no piece becomes the tokens <0x..> of its bytes
};

class Unigram : public TokenizerModel {
 public:
  /// Throws std::invalid_argument naming the piece that is wrong.
  explicit Unigram(UnigramOptions options);
  ~Unigram() override;
  const UnigramOptions& options() const;

  /// Neighbouring unknown characters are one token. With `sampling` a segmentation is drawn (forward filtering,
  /// backward sampling).
  void tokenize(std::string_view word, std::vector<ModelToken>& tokens,
                SubwordSampling* sampling = nullptr) const override;
  std::size_t vocab_size() const override;
  std::optional<TokenId> token_to_id(std::string_view token) const override;
  std::optional<std::string_view> id_to_token(TokenId id) const override;
  std::optional<TokenId> unk() const override;
  bool spells_unknown() const override { return true; }
  std::string to_json() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace langzoo
