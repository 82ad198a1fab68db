/// tokenizer_config.json, the file of Python's `transformers` beside a vocabulary: internal to the loaders.
///
/// Read are the keys that concern ids and text: the class, the special tokens by role, added tokens, and the switches
/// of the classes that have any. All others are about models, chat or Python and left alone.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tokenizers/added_token_list.h"
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

/// The text of a file; empty where there is none.
std::string read_if_there(const std::filesystem::path& path);

/// The list `added_tokens` of tokenizer.json.
std::vector<AddedToken> read_added_tokens(const JsonField& list);

class TokenizerConfig {
 public:
  /// `text` is the file's, empty where there is none; `path` names it in messages.
  TokenizerConfig(std::string_view text, std::filesystem::path path);
  /// What stands in a directory: tokenizer_config.json and, where it has no added_tokens_decoder, the older
  /// special_tokens_map.json, which wins over it, and added_tokens.json.
  static TokenizerConfig of_directory(const std::filesystem::path& dir);

  /// Of transformers, without "Fast"; empty where it is not known.
  const std::string& tokenizer_class() const { return tokenizer_class_; }
  /// For directories whose class the model's config.json tells.
  void set_tokenizer_class(std::string name) { tokenizer_class_ = std::move(name); }

  std::optional<bool> flag(const char* key) const;
  std::optional<std::uint64_t> size(const char* key) const;
  /// The special token of a role: the files' own, else the default; none where they say null or "".
  std::optional<std::string> token(std::string_view role, SpecialTokenDefaults defaults) const;

  /// Whether the files name special tokens without a role (additional_special_tokens).
  bool names_extra_tokens() const;
  /// Whether the files say how the token of a role stands in a text, not only what it is.
  bool describes(std::string_view role) const;
  /// Throws FileError naming tokenizer_config.json and the key.
  [[noreturn]] void fail(std::string_view key, std::string_view reason) const;

  /// Adds to `list` the tokens that the files name and it lacks, as `transformers` does: those listed with an id, those
  /// with a role, further special ones. Returns the roles' ids; without tokenizer_config.json and
  /// special_tokens_map.json those that the contents of special tokens tell ("[CLS]", "</s>", "<|endoftext|>"). Throws
  /// FileError for what is malformed and for split_special_tokens.
  SpecialTokens add_tokens(AddedTokenList& list, SpecialTokenDefaults defaults) const;

 private:
  struct File {
    std::filesystem::path path;
    std::shared_ptr<const nlohmann::json> json;  // an object; null: there is no file
    bool has(std::string_view key) const;
    JsonField at(std::string_view key) const;
  };
  static File read_text(std::string_view text, std::filesystem::path path);
  static File read_file_of(const std::filesystem::path& path);

  /// The field of tokenizer_config.json that is there and not null.
  std::optional<JsonField> find(const char* key) const;
  std::optional<AddedToken> special_token(std::string_view key, SpecialTokenDefaults defaults) const;
  std::vector<AddedToken> listed_tokens() const;
  /// Special tokens by further names ("image_token").
  std::vector<AddedToken> model_specific_tokens(const std::function<bool(const std::string&)>& knows) const;
  std::vector<AddedToken> extra_tokens() const;

  File config_, special_map_, added_;
  std::string tokenizer_class_;
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
