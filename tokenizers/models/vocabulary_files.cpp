#include "tokenizers/models/vocabulary_files.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/escaped.h"
#include "data/files/files.h"
#include "tokenizers/models/vocabulary.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 26;
constexpr std::string_view kEndOfWord = "</w>";

/// Calls on_line(line, index) for every line, whether it ends in \n, \r\n or \r. Not data/files' for_each_line, to
/// which a lone \r and a byte order mark are text and a mark: Python, which the ids have to agree with, ends a line at
/// the one and keeps the other. What on_line objects to is the file's fault.
template <class OnLine>
void for_each_vocabulary_line(const fs::path& path, OnLine&& on_line) {
  const std::string text = read_file(path, kMaxFileBytes);
  std::string_view rest = text;
  for (std::size_t index = 0; !rest.empty(); ++index) {
    const std::string_view line = rest.substr(0, rest.find_first_of("\r\n"));
    rest.remove_prefix(line.size());
    rest.remove_prefix(rest.starts_with("\r\n") ? 2 : std::min<std::size_t>(1, rest.size()));
    try {
      if (!is_valid_utf8(line)) throw std::invalid_argument("is not UTF-8");
      on_line(line, index);
    } catch (const std::invalid_argument& error) {
      throw FileError(path, fmt::format("line {}: {}", index + 1, error.what()));
    }
  }
}

/// The tokens of a vocabulary that grows.
class TokenList {
 public:
  explicit TokenList(std::vector<std::string>& tokens) : tokens_(tokens) {}
  TokenId add(const std::string& token) {
    const auto [found, is_new] = ids_.emplace(token, static_cast<TokenId>(tokens_.size()));
    if (is_new) {
      if (tokens_.size() == kMaxVocabularySize) {
        throw std::invalid_argument(fmt::format("there are more than {} tokens", kMaxVocabularySize));
      }
      tokens_.push_back(token);
    }
    return found->second;
  }

 private:
  std::vector<std::string>& tokens_;
  std::unordered_map<std::string, TokenId> ids_;
};

}  // namespace

std::vector<std::string> read_vocab_txt(const fs::path& path) {
  std::vector<std::string> tokens;
  std::unordered_map<std::string, std::size_t> lines;
  for_each_vocabulary_line(path, [&](std::string_view line, std::size_t index) {
    if (index == kMaxVocabularySize) throw std::invalid_argument("has an id that is too large");
    tokens.emplace_back(line);
    const auto [found, is_new] = lines.emplace(line, index);
    if (is_new) return;
    tokens[found->second].clear();
    found->second = index;
  });
  return tokens;
}

std::vector<std::string> read_vocab_json(const fs::path& path) {
  const nlohmann::json parsed = parse_json(read_file(path, kMaxFileBytes), path);
  return read_vocab(JsonField(parsed, {}, path));
}

std::vector<BpeMerge> read_merges_txt(const fs::path& path, const std::vector<std::string>& tokens,
                                      std::string_view continuing_subword_prefix) {
  const IdsByToken ids = index_tokens(tokens);
  std::vector<BpeMerge> merges;
  for_each_vocabulary_line(path, [&](std::string_view line, std::size_t) {
    if (is_version(line)) return;
    const auto [left, right] = split_merge(line);
    merges.push_back(make_merge(ids, left, right, continuing_subword_prefix));
  });
  return merges;
}

BpeOptions read_subword_nmt_codes(const fs::path& path) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::set<std::string> characters;
  bool has_version = false;
  for_each_vocabulary_line(path, [&](std::string_view line, std::size_t index) {
    if (index == 0) {
      has_version = is_version(line);
      if (line != "#version: 0.2") {
        throw std::invalid_argument(
            fmt::format("'{}' is not '#version: 0.2', the only version supported", escaped(line)));
      }
      return;
    }
    const auto [left, right] = split_merge(line);
    if (left.ends_with(kEndOfWord)) throw std::invalid_argument(fmt::format("'{}' ends a word", escaped(left)));
    pairs.emplace_back(left, right);
    for (std::string_view symbol : {left, right}) {
      if (symbol.ends_with(kEndOfWord)) symbol.remove_suffix(kEndOfWord.size());
      for (std::size_t at = 0, length = 0; at < symbol.size(); at += length) {
        length = decode_utf8(symbol, at).length;
        characters.emplace(symbol.substr(at, length));
      }
    }
  });
  if (!has_version) throw FileError(path, "is empty");

  BpeOptions options;
  options.unk_token = "<unk>";
  options.end_of_word_suffix = kEndOfWord;
  options.spells_unknown = true;
  TokenList tokens(options.tokens);
  tokens.add(*options.unk_token);
  for (const std::string& character : characters) {
    tokens.add(character);
    tokens.add(character + std::string(kEndOfWord));
  }
  std::set<std::pair<TokenId, TokenId>> seen;
  for (const auto& [left, right] : pairs) {
    const TokenId left_id = tokens.add(left), right_id = tokens.add(right), result = tokens.add(left + right);
    if (seen.emplace(left_id, right_id).second) options.merges.push_back({left_id, right_id, result});
  }
  return options;
}

}  // namespace langzoo
