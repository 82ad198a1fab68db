/// Reads the golden cases of tests/reference/make_tokenizers.py.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/plain_test.h"
#include "tokenizers/tokenizer.h"
#include "tokenizers/utf8.h"

namespace langzoo::test {

inline nlohmann::json golden(const std::string& name) {
  return nlohmann::json::parse(read_file(fixture("tokenizers/" + name)));
}

/// The offsets of a golden: pairs of characters.
inline std::vector<Offset> offsets_of(const nlohmann::json& pairs) {
  std::vector<Offset> offsets;
  for (const auto& pair : pairs) offsets.push_back({pair[0].get<std::size_t>(), pair[1].get<std::size_t>()});
  return offsets;
}

/// `encoding`'s offsets in characters of the text that each token is from.
inline std::vector<Offset> character_offsets(const Encoding& encoding, std::string_view text, std::string_view pair) {
  const auto of_text = to_character_offsets(text, encoding.offsets),
             of_pair = to_character_offsets(pair, encoding.offsets);
  std::vector<Offset> offsets;
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    const auto sequence = encoding.sequence_ids[i];
    offsets.push_back(sequence == Encoding::kNoSequence ? encoding.offsets[i]
                      : sequence == 0                   ? of_text[i]
                                                        : of_pair[i]);
  }
  return offsets;
}

/// One case of make_pipelines.py: all arrays of the encoding and both decodings.
inline void check_case(const Tokenizer& tokenizer, const nlohmann::json& c) {
  const auto text = c["text"].get<std::string>();
  const auto pair = c.value("pair", std::string());
  CAPTURE(text, pair);
  const EncodeOptions options{.tokens = true};
  const Encoding encoding =
      c.contains("pair") ? tokenizer.encode_pair(text, pair, options) : tokenizer.encode(text, options);
  const auto ids = c["ids"].get<std::vector<TokenId>>();
  CHECK(encoding.ids == ids);
  CHECK(encoding.type_ids == c["type_ids"].get<std::vector<std::int32_t>>());
  CHECK(encoding.tokens == c["tokens"].get<std::vector<std::string>>());
  CHECK((character_offsets(encoding, text, pair) == offsets_of(c["offsets"])));
  CHECK(encoding.special_tokens_mask == c["special_tokens_mask"].get<std::vector<std::uint8_t>>());
  std::vector<std::int32_t> word_ids;
  for (const auto& id : c["word_ids"]) word_ids.push_back(id.is_null() ? Encoding::kNoWord : id.get<std::int32_t>());
  CHECK(encoding.word_ids == word_ids);
  CHECK(sanitize_utf8(tokenizer.decode(ids)) == c["decoded"].get<std::string>());
  CHECK(sanitize_utf8(tokenizer.decode(ids, true)) == c["decoded_without_special"].get<std::string>());
  // Without special tokens: the quick path, the slow one, and the quick one again, now from memory.
  std::vector<TokenId> quick, again;
  tokenizer.encode(text, quick);
  tokenizer.encode(text, again);
  CHECK(quick == again);
  CHECK(quick == tokenizer.encode(text, {.add_special_tokens = false, .tokens = true}).ids);
}

/// Every case's ids, offsets (in characters there) and both decodings; returns how many cases there were.
inline std::size_t check_cases(const Tokenizer& tokenizer, const std::string& name) {
  const nlohmann::json cases = golden(name);
  for (const auto& c : cases) {
    const auto text = c["text"].get<std::string>();
    CAPTURE(text);
    const auto expected = c["ids"].get<std::vector<TokenId>>();
    const Encoding encoding = tokenizer.encode(text);
    CHECK(encoding.ids == expected);
    std::vector<TokenId> ids;
    tokenizer.encode(text, ids);
    CHECK(ids == expected);
    tokenizer.encode(text, ids);  // appends, and now from the cache
    CHECK(ids.size() == 2 * expected.size());
    CHECK(std::equal(expected.begin(), expected.end(), ids.begin() + static_cast<std::ptrdiff_t>(expected.size())));
    CHECK((to_character_offsets(text, encoding.offsets) == offsets_of(c["offsets"])));
    CHECK(sanitize_utf8(tokenizer.decode(expected)) == c["decoded"].get<std::string>());
    CHECK(sanitize_utf8(tokenizer.decode(expected, true)) == c["decoded_without_special"].get<std::string>());
  }
  return cases.size();
}

}  // namespace langzoo::test
