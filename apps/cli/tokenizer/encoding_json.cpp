#include "apps/cli/tokenizer/encoding_json.h"

#include <cstdint>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// Bytes to characters, for many offsets into one text.
class CharacterIndex {
 public:
  explicit CharacterIndex(std::string_view text) {
    std::size_t ascii = 0;
    while (ascii < text.size() && static_cast<unsigned char>(text[ascii]) < 0x80) ++ascii;
    if (ascii == text.size()) return;
    indices_.resize(text.size() + 1);
    std::uint32_t index = 0;
    for (std::size_t at = 0; at < text.size(); ++index) {
      for (const auto end = at + decode_utf8(text, at).length; at < end; ++at) indices_[at] = index;
    }
    indices_.back() = index;
  }

  /// As to_character_offsets.
  Offset characters(const Offset& bytes) const {
    if (indices_.empty()) return bytes;
    const std::size_t begin = indices_[bytes.begin];
    return {begin, bytes.end > bytes.begin ? indices_[bytes.end - 1] + std::size_t{1} : begin};
  }

 private:
  std::vector<std::uint32_t> indices_;  // of the character that a byte is part of; none for ASCII
};

template <class Items, class Append>
void append_list(std::string& json, const char* key, const Items& items, const Append& append) {
  fmt::format_to(std::back_inserter(json), "{}\"{}\":[", json.back() == '{' ? "" : ",", key);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) json += ',';
    append(items[i]);
  }
  json += ']';
}

void append_encoding(std::string& json, const Encoding& encoding, bool attention_mask) {
  const auto number = [&](auto value) { fmt::format_to(std::back_inserter(json), "{}", value); };
  json += '{';
  append_list(json, "ids", encoding.ids, number);
  append_list(json, "tokens", encoding.tokens, [&](const std::string& token) { append_json_string(json, token); });
  append_list(json, "offsets", encoding.offsets, [&](const Offset& offset) {
    fmt::format_to(std::back_inserter(json), "[{},{}]", offset.begin, offset.end);
  });
  append_list(json, "type_ids", encoding.type_ids, number);
  static_assert(Encoding::kNoWord == Encoding::kNoSequence);
  const auto number_or_null = [&](std::int32_t value) {
    value == Encoding::kNoWord ? void(json += "null") : number(value);
  };
  append_list(json, "word_ids", encoding.word_ids, number_or_null);
  append_list(json, "sequence_ids", encoding.sequence_ids, number_or_null);
  append_list(json, "special_tokens_mask", encoding.special_tokens_mask, number);
  if (attention_mask) append_list(json, "attention_mask", encoding.attention_mask, number);
  if (!encoding.overflowing.empty()) {
    append_list(json, "overflowing", encoding.overflowing,
                [&](const Encoding& window) { append_encoding(json, window, attention_mask); });
  }
  json += '}';
}

void count_in_characters(Encoding& encoding, const CharacterIndex& text, const CharacterIndex& pair) {
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    if (encoding.sequence_ids[i] == Encoding::kNoSequence) continue;
    auto& offset = encoding.offsets[i];
    offset = (encoding.sequence_ids[i] == 0 ? text : pair).characters(offset);
  }
  for (auto& window : encoding.overflowing) count_in_characters(window, text, pair);
}

}  // namespace

void append_json_string(std::string& json, std::string_view text) {
  json += '"';
  std::size_t plain = 0;  // where what can be copied as it is begins
  const auto replace = [&](std::size_t at, std::size_t length, std::string_view with) {
    json.append(text.substr(plain, at - plain)).append(with);
    plain = at + length;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x80) {
      const auto character = decode_utf8(text, at);
      if (!character.valid) replace(at, character.length, "\uFFFD");
      at += character.length;
      continue;
    }
    if (c == '"' || c == '\\') {
      replace(at, 1, c == '"' ? "\\\"" : "\\\\");
    } else if (c == '\n' || c == '\t' || c == '\r') {
      replace(at, 1, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
    } else if (c < 0x20 || c == 0x7f) {
      replace(at, 1, fmt::format("\\u{:04x}", c));
    }
    ++at;
  }
  json.append(text.substr(plain)) += '"';
}

void count_offsets_in_characters(Encoding& encoding, const TextPair& texts) {
  count_in_characters(encoding, CharacterIndex(texts.text), CharacterIndex(texts.pair.value_or("")));
}

std::string encoding_json(const Encoding& encoding, bool attention_mask) {
  std::string json;
  append_encoding(json, encoding, attention_mask);
  return json;
}

}  // namespace langzoo
