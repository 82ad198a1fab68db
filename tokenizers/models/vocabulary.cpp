#include "tokenizers/models/vocabulary.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/escaped.h"

namespace langzoo {

std::vector<std::string> read_vocab(const JsonField& vocab) {
  std::vector<std::string> tokens;
  for (const auto& entry : vocab.object().items()) {
    const std::string& token = entry.key();
    const auto id = JsonField::id_of(entry.value());
    if (!id) vocab.fail(fmt::format("'{}': {}", token, JsonField::no_id(entry.value())));
    if (token.empty()) vocab.fail(fmt::format("the token of the id {} is empty", *id));
    const auto i = static_cast<std::size_t>(*id);
    if (i >= tokens.size()) tokens.resize(i + 1);
    if (!tokens[i].empty()) vocab.fail(fmt::format("'{}' and '{}' both have the id {}", tokens[i], token, i));
    tokens[i] = token;
  }
  return tokens;
}

IdsByToken index_tokens(const std::vector<std::string>& tokens) {
  if (tokens.size() > kMaxVocabularySize) {
    throw std::invalid_argument(fmt::format("{} tokens are more than {}", tokens.size(), kMaxVocabularySize));
  }
  IdsByToken ids;
  ids.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty()) continue;
    if (!is_valid_utf8(tokens[id])) throw std::invalid_argument(fmt::format("token {} is not UTF-8", id));
    const auto [found, is_new] = ids.emplace(tokens[id], static_cast<TokenId>(id));
    if (!is_new) {
      throw std::invalid_argument(
          fmt::format("the tokens {} and {} are both '{}'", found->second, id, escaped(tokens[id])));
    }
  }
  return ids;
}

std::optional<TokenId> find_id(const IdsByToken& ids, std::string_view token) {
  const auto found = ids.find(token);
  return found == ids.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string_view> find_token(const std::vector<std::string>& tokens, TokenId id) {
  if (id < 0 || static_cast<std::size_t>(id) >= tokens.size() || tokens[static_cast<std::size_t>(id)].empty())
    return {};
  return tokens[static_cast<std::size_t>(id)];
}

ByteTokens::ByteTokens(const IdsByToken& ids) {
  for (std::size_t byte = 0; byte < ids_.size(); ++byte) {
    ids_[byte] = find_id(ids, fmt::format("<0x{:02X}>", byte)).value_or(-1);
  }
}

bool ByteTokens::cover(std::string_view text) const {
  return std::all_of(text.begin(), text.end(), [this](char byte) { return (*this)[byte] >= 0; });
}

void check_utf8(const char* option, std::string_view text) {
  if (!is_valid_utf8(text)) throw std::invalid_argument(fmt::format("{} is not UTF-8", option));
}

std::string shorten(std::string_view word) {
  constexpr std::size_t kShown = 60;
  if (word.size() <= kShown) return escaped(sanitize_utf8(word));
  return escaped(sanitize_utf8(word.substr(0, complete_utf8_length(word.substr(0, kShown))))) + "...";
}

void check_word_size(std::string_view word) {
  if (word.size() > std::numeric_limits<std::int32_t>::max()) {
    throw std::runtime_error("a word has more than 2 GiB without a place to cut it");
  }
}

BpeMerge make_merge(const IdsByToken& ids, std::string_view left, std::string_view right,
                    std::string_view continuing_subword_prefix) {
  const auto id_of = [&](const std::string& token) {
    const auto found = ids.find(token);
    if (found == ids.end()) throw std::invalid_argument(fmt::format("'{}' is not in the vocabulary", escaped(token)));
    return found->second;
  };
  if (right.size() < continuing_subword_prefix.size()) {
    throw std::invalid_argument(
        fmt::format("'{}' is shorter than the prefix '{}'", escaped(right), escaped(continuing_subword_prefix)));
  }
  const std::string l(left), r(right);
  return {id_of(l), id_of(r), id_of(l + r.substr(continuing_subword_prefix.size()))};
}

std::pair<std::string_view, std::string_view> split_merge(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos) {
    throw std::invalid_argument(fmt::format("'{}' is not two tokens with one space between them", escaped(line)));
  }
  return {line.substr(0, space), line.substr(space + 1)};
}

std::vector<BpeMerge> read_merges(const JsonField& merges, const IdsByToken& ids,
                                  std::string_view continuing_subword_prefix) {
  std::vector<BpeMerge> read;
  std::size_t index = 0;
  for (const nlohmann::json& value : merges.array()) {
    const JsonField merge = merges.item(value, index++);
    try {
      if (value.is_array()) {
        if (value.size() != 2) merge.fail("is not a pair");
        const std::string left = merge.item(value[0], 0).string(), right = merge.item(value[1], 1).string();
        read.push_back(make_merge(ids, left, right, continuing_subword_prefix));
      } else {
        const std::string line = merge.string();
        if (is_version(line)) continue;
        const auto [left, right] = split_merge(line);
        read.push_back(make_merge(ids, left, right, continuing_subword_prefix));
      }
    } catch (const std::invalid_argument& error) {
      merge.fail(error.what());
    }
  }
  return read;
}

std::string vocab_json(const std::vector<std::string>& tokens) {
  std::string out = "{";
  const char* separator = "\n";
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty()) continue;
    out += fmt::format("{}      {}: {}", separator, json_string(tokens[id]), id);
    separator = ",\n";
  }
  return out + "\n    }";
}

std::string merges_json(const std::vector<std::string>& tokens, const std::vector<BpeMerge>& merges) {
  std::string out = "[";
  const char* separator = "\n";
  const auto token = [&](TokenId id) { return json_string(tokens[static_cast<std::size_t>(id)]); };
  for (const BpeMerge& merge : merges) {
    out += fmt::format("{}      [{}, {}]", separator, token(merge.left), token(merge.right));
    separator = ",\n";
  }
  return out + (merges.empty() ? "]" : "\n    ]");
}

}  // namespace langzoo
