/// A tokenizer small enough to predict by eye: an id a byte, except that a run of white space is one token (id 256 plus
/// its length below 32), as GPT-2's pattern has it, so that careless cuts show.
#pragma once

#include <stdexcept>
#include <string>

#include "tokenizers/tokenizer.h"

namespace langzoo::test {

class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(std::size_t vocab_size = 300, bool has_eos = true) : vocab_size_(vocab_size) {
    if (has_eos) special_.eos = 299;
  }

  using Tokenizer::encode;
  Encoding encode_sequence(std::string_view text, const EncodeOptions&) const override {
    Encoding encoding;
    encode(text, encoding.ids);
    return encoding;
  }
  void encode(std::string_view text, std::vector<TokenId>& ids) const override {
    for (std::size_t i = 0; i < text.size();) {
      std::size_t end = i;
      while (end < text.size() && (text[end] == ' ' || text[end] == '\n')) ++end;
      // Before more text the last white-space character of a run stands alone: `\s+(?!\S)`.
      if (end < text.size() && end > i + 1) --end;
      ids.push_back(end > i ? 256 + static_cast<TokenId>((end - i) % 32) : static_cast<unsigned char>(text[i]));
      i = end > i ? end : i + 1;
    }
  }
  std::string decode(std::span<const TokenId>, bool) const override { return {}; }
  std::size_t vocab_size() const override { return vocab_size_; }
  std::optional<TokenId> token_to_id(std::string_view) const override { return {}; }
  std::string id_to_token(TokenId id) const override {
    if (id == 290) throw std::out_of_range("a hole");
    return std::to_string(id);
  }
  bool has_token(TokenId id) const override {
    return id >= 0 && static_cast<std::size_t>(id) < vocab_size_ && id != 290;
  }
  const SpecialTokens& special_tokens() const override { return special_; }
  void save(const std::filesystem::path&) const override {}

 private:
  std::size_t vocab_size_;
  SpecialTokens special_;
};

}  // namespace langzoo::test
