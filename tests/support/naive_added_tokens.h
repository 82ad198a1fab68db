/// Added tokens found as slowly and plainly as possible, for tests and fuzzers to compare with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/added_tokens.h"
#include "tokenizers/unicode_classes.h"
#include "tokenizers/utf8.h"

namespace langzoo::test {

/// Both passes over text[begin, end), which is UTF-8: first the tokens that are not `normalized`, then in the parts
/// between them the others. Parts hold pointers into `tokens`.
inline std::vector<AddedTokens::Part> naive_split(const std::vector<AddedToken>& tokens, std::string_view text,
                                                  bool normalized = false, std::size_t base = 0) {
  std::vector<AddedTokens::Part> parts;
  const auto characters = [](std::string_view s) {
    std::vector<char32_t> result;
    for (std::size_t at = 0; at < s.size(); at += decode_utf8(s, at).length) {
      result.push_back(decode_utf8(s, at).code_point);
    }
    return result;
  };
  const auto add_gap = [&](std::size_t begin, std::size_t end) {
    if (begin >= end) return;
    if (normalized) {
      parts.push_back({base + begin, base + end, nullptr});
      return;
    }
    for (const auto& part : naive_split(tokens, text.substr(begin, end - begin), true, begin)) parts.push_back(part);
  };
  std::size_t gap = 0;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* longest = nullptr;
    for (const AddedToken& token : tokens) {
      const bool here = token.normalized == normalized && text.substr(at).starts_with(token.content);
      if (here && (longest == nullptr || token.content.size() > longest->content.size())) longest = &token;
    }
    if (longest == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + longest->content.size();
    at = end;
    const std::vector<char32_t> before = characters(text.substr(0, begin)), after = characters(text.substr(end));
    if (longest->single_word && ((!before.empty() && is_word_character(before.back())) ||
                                 (!after.empty() && is_word_character(after.front())))) {
      continue;
    }
    if (longest->lstrip) {
      for (std::size_t i = before.size(); i > 0 && is_white_space(before[i - 1]); --i) {
        std::string character;
        append_utf8(character, before[i - 1]);
        begin -= character.size();
      }
      begin = std::max(begin, gap);
    }
    if (longest->rstrip) {
      for (std::size_t i = 0; i < after.size() && is_white_space(after[i]); ++i) {
        std::string character;
        append_utf8(character, after[i]);
        end += character.size();
      }
    }
    if (begin >= end) continue;
    add_gap(gap, begin);
    parts.push_back({base + begin, base + end, longest});
    gap = end;
  }
  add_gap(gap, text.size());
  return parts;
}

}  // namespace langzoo::test
