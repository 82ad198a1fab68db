/// Third stage of a tokenizer: a word to ids. The kinds and fields are those of tokenizer.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/encoding.h"
#include "tokenizers/sampling.h"

namespace langzoo {

class JsonField;

/// One token of a word: bytes [begin, end) of it.
struct ModelToken {
  TokenId id;
  std::uint32_t begin, end;
  bool operator==(const ModelToken&) const = default;
};

/// Immutable: one object may serve any number of threads.
class TokenizerModel {
 public:
  TokenizerModel() = default;
  TokenizerModel(const TokenizerModel&) = delete;
  TokenizerModel& operator=(const TokenizerModel&) = delete;
  virtual ~TokenizerModel() = default;
  /// Appends the tokens of `word`, which is valid UTF-8. Throws std::runtime_error naming what has no token where the
  /// model has no unknown token either.
  virtual void tokenize(std::string_view word, std::vector<ModelToken>& tokens,
                        SubwordSampling* sampling = nullptr) const = 0;

  /// Largest id + 1. There may be ids below without a token.
  virtual std::size_t vocab_size() const = 0;
  virtual std::optional<TokenId> token_to_id(std::string_view token) const = 0;
  virtual std::optional<std::string_view> id_to_token(TokenId id) const = 0;
  virtual std::optional<TokenId> unk() const = 0;
  /// Whether an unknown token's string is the text it stands for (Unigram, subword-nmt), not the unknown token's own.
  virtual bool spells_unknown() const { return false; }

  virtual std::string to_json() const = 0;
};

/// The model of tokenizer.json's field; where `type` is missing (older files) it is told by the other fields. Throws
/// FileError naming the field.
std::shared_ptr<const TokenizerModel> read_token_model(const JsonField& field);

}  // namespace langzoo
