/// The tokenizer that tokenizer.json describes: added tokens, normalizer, pre-tokenizer, model, post-processor,
/// decoder, each replaceable. Ids, offsets and decoded text are those of Python's `tokenizers`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/added_tokens.h"
#include "tokenizers/decoders/decoder.h"
#include "tokenizers/models/token_model.h"
#include "tokenizers/normalizers/normalizer.h"
#include "tokenizers/pre_tokenizers/pre_tokenizer.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// Whether `text` has a border before text[at]: one space between two printable ASCII characters that are no space. The
/// parts between borders are what a pipeline may remember, when all of its stages say that they cut there.
bool is_border(std::string_view text, std::size_t at);

/// All that defines a Pipeline but its rules; only the model is required.
struct PipelineParts {
  std::vector<AddedToken> added_tokens;
  std::shared_ptr<const Normalizer> normalizer;
  std::shared_ptr<const PreTokenizer> pre_tokenizer;
  std::shared_ptr<const TokenizerModel> model;
  std::shared_ptr<const Decoder> decoder;  // none: the tokens joined by spaces
  SpecialTokens special_tokens;
};

class Pipeline : public Tokenizer {
 public:
  /// Throws std::invalid_argument naming the added token that is wrong.
  explicit Pipeline(PipelineParts parts, EncodingRules rules = {});
  ~Pipeline() override;

  const PipelineParts& parts() const;

  using Tokenizer::encode;
  /// Bytes that are not UTF-8 are read as U+FFFD.
  void encode(std::string_view text, std::vector<TokenId>& ids) const override;
  std::string decode(std::span<const TokenId> ids, bool skip_special_tokens = false) const override;

  std::size_t vocab_size() const override;
  std::optional<TokenId> token_to_id(std::string_view token) const override;
  std::string id_to_token(TokenId id) const override;
  bool has_token(TokenId id) const override;
  const SpecialTokens& special_tokens() const override;
  std::size_t cut_point(std::string_view text, std::size_t at) const override;
  void save(const std::filesystem::path& dir) const override;

 protected:
  Encoding encode_sequence(std::string_view text, const EncodeOptions& options) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace langzoo
