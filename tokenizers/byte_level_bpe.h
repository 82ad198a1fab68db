/// Byte-level BPE, the tokenizer of GPT-2 (Radford et al. 2019): GPT-2's pieces, each merged by rank (Sennrich et al.
/// 2016). Takes any bytes: decode(encode(bytes)) == bytes. Where the text is UTF-8 the ids are those of Python's
/// `tokenizers`; ill-formed bytes are pieces of their own.
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
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// The pair (left, right) becomes `result`.
struct BpeMerge {
  TokenId left, right, result;
  bool operator==(const BpeMerge&) const = default;
};

/// All that defines a ByteLevelBpe.
struct ByteLevelBpeModel {
  std::vector<std::string> tokens;  // by id, spelled by spell_bytes ("Ġthe"); empty where the model has no such id
  std::vector<BpeMerge> merges;     // by rank, the first goes first; of a repeated pair the last counts
  std::vector<AddedToken> added_tokens;
  bool add_prefix_space = false;  // a text that does not begin with a space gets one
  std::optional<TokenId> unk;     // stands for a byte that has no token
  SpecialTokens special_tokens;
};

class ByteLevelBpe : public Tokenizer {
 public:
  /// Throws std::invalid_argument naming the token or merge that is wrong.
  explicit ByteLevelBpe(ByteLevelBpeModel model);
  ~ByteLevelBpe() override;

  const ByteLevelBpeModel& model() const;

  /// A byte that has no token throws std::runtime_error naming it and its offset, unless the model has `unk`.
  using Tokenizer::encode;
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

/// `model` as Python's `tokenizers` runs it: a ByteLevelBpe, or, where some byte has no token and none stands for it, a
/// Pipeline, which leaves such bytes out. Throws std::invalid_argument.
std::unique_ptr<Tokenizer> make_byte_level_tokenizer(ByteLevelBpeModel model);

}  // namespace langzoo
