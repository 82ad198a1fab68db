/// A tokenizer of numbers as far as pretraining asks: [PAD] 0, [CLS] 1, [SEP] 2, [MASK] 3, then as many tokens as
/// wanted; text is a token a letter, capitals beginning words as WordPiece has them: "Ab" is A ##b.
#pragma once

#include <string>

#include "tokenizers/tokenizer.h"

namespace langzoo::test {

class SpecialTokenizer : public Tokenizer {
 public:
  explicit SpecialTokenizer(std::size_t vocab_size = 128, bool has_mask = true) : vocab_size_(vocab_size) {
    special_.pad = 0, special_.cls = 1, special_.sep = 2;
    if (has_mask) special_.mask = 3;
  }

  using Tokenizer::encode;
  Encoding encode_sequence(std::string_view text, const EncodeOptions&) const override {
    Encoding encoding;
    encode(text, encoding.ids);
    return encoding;
  }
  void encode(std::string_view text, std::vector<TokenId>& ids) const override {
    for (const char c : text) {
      if (c == '\n') throw std::runtime_error("a line end");
      if (c != ' ') ids.push_back(static_cast<unsigned char>(c));
    }
  }
  std::string decode(std::span<const TokenId>, bool) const override { return {}; }
  std::size_t vocab_size() const override { return vocab_size_; }
  std::optional<TokenId> token_to_id(std::string_view) const override { return {}; }
  std::string id_to_token(TokenId id) const override {
    if (id >= 'a' && id <= 'z') return std::string("##") + static_cast<char>(id);
    return id >= ' ' && id < 127 ? std::string(1, static_cast<char>(id)) : std::to_string(id);
  }
  bool has_token(TokenId id) const override { return id >= 0 && static_cast<std::size_t>(id) < vocab_size_; }
  const SpecialTokens& special_tokens() const override { return special_; }
  void save(const std::filesystem::path&) const override {}

 private:
  std::size_t vocab_size_;
  SpecialTokens special_;
};

}  // namespace langzoo::test
