/// tokenizer_config.json, the file of Python's `transformers` beside a vocabulary: internal to the loaders.
///
/// Read are the keys that concern ids and text: the class, the special tokens by role, added tokens, and the switches
/// of BERT's, ALBERT's and GPT-2's classes. All others are about models, chat or Python and left alone.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tokenizers/added_tokens.h"
#include "tokenizers/json_field.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// The roles of special tokens by their names in tokenizer_config.json, in the order in which `transformers` adds those
/// that the vocabulary lacks.
struct SpecialTokenRole {
  const char* key;
  std::optional<TokenId> SpecialTokens::*member;
};
inline constexpr std::array<SpecialTokenRole, 7> kSpecialTokenRoles = {{{"bos_token", &SpecialTokens::bos},
                                                                        {"eos_token", &SpecialTokens::eos},
                                                                        {"unk_token", &SpecialTokens::unk},
                                                                        {"sep_token", &SpecialTokens::sep},
                                                                        {"pad_token", &SpecialTokens::pad},
                                                                        {"cls_token", &SpecialTokens::cls},
                                                                        {"mask_token", &SpecialTokens::mask}}};

/// The tokenizer_class by which a directory says that its .model is meant as it is, not as a class of `transformers`
/// would read it: the name that sentencepiece's own Python class has.
inline constexpr const char* kSentencePieceClass = "SentencePieceProcessor";

/// The special tokens that a class has where its configuration names none: {"cls_token", "[CLS]"}.
using SpecialTokenDefaults = std::span<const std::pair<std::string_view, std::string_view>>;

/// Of a class of `transformers`, named without "Fast"; empty for one that has none or is not known.
SpecialTokenDefaults special_token_defaults(std::string_view tokenizer_class);

std::vector<AddedToken> read_added_tokens(const JsonField& list);

class TokenizerConfig {
 public:
  /// `text` is the file's, empty where there is none; `path` names it in messages.
  TokenizerConfig(std::string_view text, std::filesystem::path path);

  bool present() const { return !json_.is_null(); }
  /// Of transformers, without "Fast"; empty where it is not named.
  std::string tokenizer_class() const;
  std::optional<bool> flag(const char* key) const;
  std::optional<std::uint64_t> size(const char* key) const;
  std::vector<std::string> strings(const char* key) const;

  /// The special token of a role: the file's own, else the default; none where the file says null.
  std::optional<std::string> token(std::string_view role, SpecialTokenDefaults defaults) const;

  /// The added tokens by id of directories without a tokenizer.json.
  std::vector<AddedToken> added_tokens() const;

  /// The ids of the special tokens. Those that `added` lacks are appended to it, with an id of their own after all
  /// others
  /// (`vocab_size` are taken) where the vocabulary has none.
  SpecialTokens special_tokens(const std::function<std::optional<TokenId>(std::string_view)>& token_to_id,
                               std::size_t vocab_size, SpecialTokenDefaults defaults,
                               std::vector<AddedToken>& added) const;

  JsonField root() const { return {json_, {}, path_}; }

 private:
  const nlohmann::json* find(std::string_view key) const;  // null where the key is absent or null

  std::filesystem::path path_;
  nlohmann::json json_;
};

/// Without a tokenizer_config.json: the roles that the contents of special tokens tell ("[CLS]", "</s>",
/// "<|endoftext|>").
SpecialTokens guess_special_tokens(std::span<const AddedToken> added);

/// Gives `tokenizer` the post-processor that `transformers` builds where the configuration says add_bos_token or
/// add_eos_token: bos in front of every text, eos behind it.
void apply_bos_and_eos(const TokenizerConfig& config, Tokenizer& tokenizer);

/// The text of the tokenizer_config.json that says what tokenizer.json does not: the special tokens' roles.
std::string tokenizer_config_json(const Tokenizer& tokenizer);

}  // namespace langzoo
