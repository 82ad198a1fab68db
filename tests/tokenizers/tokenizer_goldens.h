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
    std::vector<Offset> offsets;
    for (const auto& pair : c["offsets"]) offsets.push_back({pair[0].get<std::size_t>(), pair[1].get<std::size_t>()});
    CHECK((to_character_offsets(text, encoding.offsets) == offsets));
    CHECK(sanitize_utf8(tokenizer.decode(expected)) == c["decoded"].get<std::string>());
    CHECK(sanitize_utf8(tokenizer.decode(expected, true)) == c["decoded_without_special"].get<std::string>());
  }
  return cases.size();
}

}  // namespace langzoo::test
