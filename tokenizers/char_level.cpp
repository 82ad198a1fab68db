#include "tokenizers/char_level.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "tokenizers/tokenizer_json.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

std::string describe(char32_t c) {
  const std::string number = fmt::format("U+{:04X}", static_cast<std::uint32_t>(c));
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return "the character " + number;
  std::string character;
  append_utf8(character, c);
  return fmt::format("the character '{}' ({})", escaped(character), number);
}

}  // namespace

CharLevel::CharLevel(CharLevelModel model)
    : model_(std::move(model)), added_(model_.added_tokens), tokens_(model_.tokens) {
  for (const AddedToken& token : added_.all()) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= tokens_.size()) tokens_.resize(id + 1);
    if (!tokens_[id].empty() && tokens_[id] != token.content) {
      throw std::invalid_argument(fmt::format("the added token '{}' has the id {} of the token '{}'",
                                              escaped(token.content), token.id, escaped(tokens_[id])));
    }
    tokens_[id] = token.content;
  }
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string& token = tokens_[i];
    if (token.empty()) continue;
    const auto id = static_cast<TokenId>(i);
    if (!is_valid_utf8(token)) throw std::invalid_argument(fmt::format("token {} is not UTF-8", id));
    const auto [known, fresh] = ids_by_token_.emplace(token, id);
    if (!fresh)
      throw std::invalid_argument(fmt::format("the tokens {} and {} are both '{}'", known->second, id, escaped(token)));
    const Utf8Char c = decode_utf8(token, 0);
    if (c.length == token.size()) {
      if (c.code_point >= ids_by_character_.size()) ids_by_character_.resize(c.code_point + 1, kNoToken);
      ids_by_character_[c.code_point] = id;
    } else if (added_.find(id) == nullptr && model_.unk != id) {
      throw std::invalid_argument(fmt::format("token {} is '{}', expected one character", id, escaped(token)));
    }
  }
  if (model_.unk) token(*model_.unk);
}

std::unique_ptr<CharLevel> CharLevel::from_text(std::string_view text, std::span<const std::string> special_tokens) {
  std::vector<bool> seen(0x110000);
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid) {
      throw std::runtime_error(fmt::format(
          "the text is not UTF-8 at offset {} (byte 0x{:02X}): a character-level tokenizer needs characters", at,
          static_cast<unsigned char>(text[at])));
    }
    seen[c.code_point] = true;
    at += c.length;
  }
  CharLevelModel model;
  for (char32_t c = 0; c < seen.size(); ++c) {
    if (!seen[c]) continue;
    append_utf8(model.tokens.emplace_back(), c);
  }
  for (const std::string& content : special_tokens) {
    if (count_characters(content) < 2) {
      throw std::invalid_argument(fmt::format("the special token '{}' needs at least 2 characters", escaped(content)));
    }
    model.added_tokens.push_back({content, static_cast<TokenId>(model.tokens.size())});
    model.tokens.push_back(content);
    if (content == "<|endoftext|>") {
      model.special_tokens.bos = model.special_tokens.eos = model.added_tokens.back().id;
    }
  }
  return std::make_unique<CharLevel>(std::move(model));
}

template <class Visit>
void CharLevel::for_each_token(std::string_view text, bool special_as_text, Visit&& visit) const {
  for (const AddedTokens::Part& part : added_.split(text, special_as_text)) {
    if (part.token != nullptr) {
      visit(part.token->id, Offset{part.begin, part.end});
      continue;
    }
    for (std::size_t at = part.begin; at < part.end;) {
      const Utf8Char c = decode_utf8(text.substr(0, part.end), at);
      TokenId id = c.valid && c.code_point < ids_by_character_.size() ? ids_by_character_[c.code_point] : kNoToken;
      if (id == kNoToken) {
        if (!model_.unk) {
          const std::string what =
              c.valid ? describe(c.code_point) : fmt::format("the byte 0x{:02X}", static_cast<unsigned char>(text[at]));
          throw std::runtime_error(
              fmt::format("{} at offset {} is not in the vocabulary of {} characters", what, at, tokens_.size()));
        }
        id = *model_.unk;
      }
      visit(id, Offset{at, at + c.length});
      at += c.length;
    }
  }
}

Encoding CharLevel::encode_sequence(std::string_view text, const EncodeOptions& options) const {
  Encoding encoding;
  for_each_token(text, options.split_special_tokens, [&](TokenId id, Offset where) {
    encoding.word_ids.push_back(static_cast<std::int32_t>(encoding.ids.size()));
    encoding.ids.push_back(id);
    encoding.offsets.push_back(where);
  });
  return encoding;
}

void CharLevel::encode(std::string_view text, std::vector<TokenId>& ids) const {
  for_each_token(text, false, [&](TokenId id, Offset) { ids.push_back(id); });
}

std::string CharLevel::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::string text;
  for (const TokenId id : ids) {
    const std::string& content = token(id);
    if (skip_special_tokens && content.size() > 1) {
      const AddedToken* added = added_.find(id);
      if (added != nullptr && added->special) continue;
    }
    text += content;
  }
  return text;
}

std::optional<TokenId> CharLevel::token_to_id(std::string_view token) const {
  const auto found = ids_by_token_.find(std::string(token));
  return found == ids_by_token_.end() ? std::nullopt : std::optional(found->second);
}

bool CharLevel::has_token(TokenId id) const {
  return id >= 0 && static_cast<std::size_t>(id) < tokens_.size() && !tokens_[static_cast<std::size_t>(id)].empty();
}

const std::string& CharLevel::token(TokenId id) const {
  if (!has_token(id)) {
    throw std::out_of_range(fmt::format("the id {} is not in the vocabulary of {} tokens", id, tokens_.size()));
  }
  return tokens_[static_cast<std::size_t>(id)];
}

std::string CharLevel::id_to_token(TokenId id) const {
  return token(id);
}

std::size_t CharLevel::cut_point(std::string_view text, std::size_t at) const {
  if (at >= text.size()) return text.size();
  for (std::size_t cut = at; cut > 0; --cut) {
    const bool begins_character = (static_cast<unsigned char>(text[cut]) & 0xC0) != 0x80;
    if (begins_character && !added_.stands_across(text, cut)) return cut;
  }
  return 0;
}

void CharLevel::save(const std::filesystem::path& dir) const {
  save_tokenizer(dir, tokenizer_json(model_, rules()), *this);
}

}  // namespace langzoo
