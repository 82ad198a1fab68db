/// Vocabularies and merges as tokenizer.json, vocab.json and merges.txt write them: internal to models and loaders.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/json_field.h"

namespace langzoo {

using IdsByToken = std::unordered_map<std::string_view, TokenId>;

/// {token: id} as the tokens by id; no token and no gap-filling: an id that is not there has an empty string. FileError
/// for ids that repeat or are outside [0, kMaxVocabularySize), and for an empty token.
std::vector<std::string> read_vocab(const JsonField& vocab);
/// Ids by token; the views are into `tokens`. std::invalid_argument for tokens that are too many, not UTF-8 or
/// repeated.
IdsByToken index_tokens(const std::vector<std::string>& tokens);
/// A function that looks tokens up; `ids` must outlive it.
inline auto finder(const IdsByToken& ids) {
  return [&ids](std::string_view token) -> std::optional<TokenId> {
    const auto found = ids.find(token);
    return found == ids.end() ? std::nullopt : std::optional(found->second);
  };
}
std::optional<TokenId> find_id(const IdsByToken& ids, std::string_view token);
/// The token of an id; none outside of `tokens` and where it is empty.
std::optional<std::string_view> find_token(const std::vector<std::string>& tokens, TokenId id);

/// std::invalid_argument where an option's text is not UTF-8, which no file can hold.
void check_utf8(const char* option, std::string_view text);
/// Ids of the tokens <0x00> to <0xFF> that byte_fallback spells unknown characters with.
class ByteTokens {
 public:
  explicit ByteTokens(const IdsByToken& ids);
  /// Whether every byte of `text` has a token.
  bool cover(std::string_view text) const;
  TokenId operator[](char byte) const { return ids_[static_cast<unsigned char>(byte)]; }

 private:
  std::array<TokenId, 256> ids_;  // negative: none
};

/// The beginning of a long word, for a message.
std::string shorten(std::string_view word);
/// ModelToken's places have 32 bits: std::runtime_error for a word of 2 GiB or more.
void check_word_size(std::string_view word);

/// The merge of two tokens' spellings: `right` loses as many bytes as `continuing_subword_prefix` has in the result, as
/// in the reference. std::invalid_argument says what is wrong with it.
BpeMerge make_merge(const IdsByToken& ids, std::string_view left, std::string_view right,
                    std::string_view continuing_subword_prefix = {});
/// "left right", the form of merges.txt and of older files; std::invalid_argument where it is not.
std::pair<std::string_view, std::string_view> split_merge(std::string_view line);
/// Whether a line of merges.txt, or a merge of that form, is none: "#version: 0.2".
inline bool is_version(std::string_view line) {
  return line.starts_with("#version");
}
/// The array of merges, of either form. FileError naming the merge.
std::vector<BpeMerge> read_merges(const JsonField& merges, const IdsByToken& ids,
                                  std::string_view continuing_subword_prefix = {});

/// The objects of tokenizer.json, laid out for a file that people may read.
std::string vocab_json(const std::vector<std::string>& tokens);
std::string merges_json(const std::vector<std::string>& tokens, const std::vector<BpeMerge>& merges);

}  // namespace langzoo
