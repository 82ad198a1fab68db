#include "tokenizers/models/word_level.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "tokenizers/models/vocabulary.h"

namespace langzoo {

WordLevel::WordLevel(WordLevelOptions options) : options_(std::move(options)), ids_(index_tokens(options_.tokens)) {
  check_utf8("unk_token", options_.unk_token);
}

void WordLevel::tokenize(std::string_view word, std::vector<ModelToken>& tokens, SubwordSampling*) const {
  check_word_size(word);
  auto id = token_to_id(word);
  if (!id) id = unk();
  if (!id) {
    throw std::runtime_error(fmt::format("'{}' is not in the vocabulary, nor is the unknown token '{}'", shorten(word),
                                         escaped(options_.unk_token)));
  }
  tokens.push_back({*id, 0, static_cast<std::uint32_t>(word.size())});
}

std::size_t WordLevel::vocab_size() const {
  return options_.tokens.size();
}

std::optional<TokenId> WordLevel::token_to_id(std::string_view token) const {
  return find_id(ids_, token);
}

std::optional<std::string_view> WordLevel::id_to_token(TokenId id) const {
  return find_token(options_.tokens, id);
}

std::optional<TokenId> WordLevel::unk() const {
  return token_to_id(options_.unk_token);
}

std::string WordLevel::to_json() const {
  return fmt::format("{{\n    \"type\": \"WordLevel\",\n    \"vocab\": {},\n    \"unk_token\": {}\n  }}",
                     vocab_json(options_.tokens), json_string(options_.unk_token));
}

}  // namespace langzoo
