#include "tokenizers/added_tokens.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "tokenizers/utf8.h"

namespace langzoo {

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    if (token.content.empty()) throw std::invalid_argument(fmt::format("added token {} is empty", token.id));
    if (!is_valid_utf8(token.content))
      throw std::invalid_argument(fmt::format("added token {} is not UTF-8", token.id));
    if (token.id < 0 || static_cast<std::size_t>(token.id) >= kMaxVocabularySize) {
      throw std::invalid_argument(fmt::format("the added token '{}' has the id {}, beyond 0 to {}", token.content,
                                              token.id, kMaxVocabularySize - 1));
    }
    if (!by_id_.emplace(token.id, i).second)
      throw std::invalid_argument(fmt::format("two added tokens have the id {}", token.id));
    if (!by_content_.emplace(token.content, i).second) {
      throw std::invalid_argument(fmt::format("the added token '{}' is there twice", token.content));
    }
    Matcher& matcher = token.normalized ? normalized_ : plain_;
    matcher.longest_first.push_back(i);
    bool& starts = matcher.starts[static_cast<unsigned char>(token.content[0])];
    if (!std::exchange(starts, true)) matcher.first_bytes.push_back(token.content[0]);
  }
  for (Matcher* matcher : {&plain_, &normalized_}) {
    std::stable_sort(
        matcher->longest_first.begin(), matcher->longest_first.end(),
        [this](std::size_t a, std::size_t b) { return tokens_[a].content.size() > tokens_[b].content.size(); });
  }
}

const AddedToken* AddedTokens::find(TokenId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

void AddedTokens::find_all(const Matcher& matcher, std::string_view text, std::size_t begin, std::size_t end,
                           std::vector<Part>& parts) const {
  std::size_t gap = begin;
  for (std::size_t at = begin; at < end && !matcher.first_bytes.empty();) {
    if (matcher.first_bytes.size() == 1) {
      const void* hit = std::memchr(text.data() + at, matcher.first_bytes[0], end - at);
      at = hit ? static_cast<std::size_t>(static_cast<const char*>(hit) - text.data()) : end;
    } else {
      while (at < end && !matcher.starts[static_cast<unsigned char>(text[at])]) ++at;
    }
    if (at == end) break;
    const std::string_view rest = text.substr(at, end - at);
    const auto found = std::find_if(matcher.longest_first.begin(), matcher.longest_first.end(),
                                    [&](std::size_t i) { return rest.starts_with(tokens_[i].content); });
    if (found == matcher.longest_first.end()) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[*found];
    if (gap < at) parts.push_back({gap, at, nullptr});
    parts.push_back({at, at + token.content.size(), &token});
    at = gap = at + token.content.size();
  }
  if (gap < end) parts.push_back({gap, end, nullptr});
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text) const {
  std::vector<Part> parts;
  find_all(plain_, text, 0, text.size(), parts);
  if (normalized_.longest_first.empty()) return parts;
  std::vector<Part> finer;
  for (const Part& part : parts) {
    if (part.token != nullptr) {
      finer.push_back(part);
    } else {
      find_all(normalized_, text, part.begin, part.end, finer);
    }
  }
  return finer;
}

bool AddedTokens::stands_across(std::string_view text, std::size_t at) const {
  return std::any_of(tokens_.begin(), tokens_.end(), [&](const AddedToken& token) {
    const std::size_t size = token.content.size();
    for (std::size_t begin = at - std::min(at, size - 1); begin < at; ++begin) {
      if (text.substr(begin, size) == token.content) return true;
    }
    return false;
  });
}

}  // namespace langzoo
