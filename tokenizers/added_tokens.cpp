#include "tokenizers/added_tokens.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "tokenizers/normalizers/normalizer.h"
#include "tokenizers/unicode_classes.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// How far stands_across() looks; where more would have to be seen, it does not allow a cut.
constexpr std::size_t kWindow = 1024;

/// The character that ends at text[at], 0 < at; not valid where none does.
Utf8Char character_before(std::string_view text, std::size_t at) {
  std::size_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  const Utf8Char c = decode_utf8(text, begin);
  return begin + c.length == at ? c : Utf8Char{};
}

/// Where the white space that ends at text[at] begins, but not before `least`.
std::size_t white_space_before(std::string_view text, std::size_t at, std::size_t least) {
  while (at > least) {
    const Utf8Char c = character_before(text, at);
    if (!c.valid || !is_white_space(c.code_point)) break;
    at -= c.length;
  }
  return std::max(at, least);
}

/// Where the white space that begins at text[at] ends, or a place beyond `most`.
std::size_t white_space_after(std::string_view text, std::size_t at, std::size_t most) {
  while (at < most) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid || !is_white_space(c.code_point)) break;
    at += c.length;
  }
  return at;
}

/// Whether no word character stands beside [begin, end).
bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  const auto is_word = [](const Utf8Char& c) { return c.valid && is_word_character(c.code_point); };
  return (begin == 0 || !is_word(character_before(text, begin))) &&
         (end == text.size() || !is_word(decode_utf8(text, end)));
}

/// Whether a token of this content, normalized, may be found with bytes on both sides of a border, or depend on both.
/// The text is cut before a space there, so what becomes of a space begins the right side.
bool may_cross_borders(const AddedToken& token, std::string_view content, const Normalizer* normalizer) {
  if (token.single_word || token.rstrip) return true;
  const auto normalize = [&](std::string_view text) {
    return normalizer ? normalizer->normalize(text) : std::string(text);
  };
  const std::string a = normalize(" a"), b = normalize(" b");
  if (a.empty()) return content.size() > 1;
  const std::string_view space = std::string_view(a).substr(0, decode_utf8(a, 0).length);
  return b.starts_with(space) ? content.find(space, 1) != std::string_view::npos : content.size() > 1;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer)
    : tokens_(std::move(tokens)), has_normalizer_(normalizer != nullptr) {
  std::vector<std::string> contents;  // as they are sought
  contents.reserve(tokens_.size());
  std::vector<std::string_view> plain, normalized;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    if (token.content.empty()) throw std::invalid_argument(fmt::format("added token {} is empty", token.id));
    if (!is_valid_utf8(token.content))
      throw std::invalid_argument(fmt::format("added token {} is not UTF-8", token.id));
    if (token.id < 0 || static_cast<std::size_t>(token.id) >= kMaxVocabularySize) {
      throw std::invalid_argument(fmt::format("the added token '{}' has the id {}, beyond 0 to {}",
                                              escaped(token.content), token.id, kMaxVocabularySize - 1));
    }
    if (!by_id_.emplace(token.id, i).second)
      throw std::invalid_argument(fmt::format("two added tokens have the id {}", token.id));
    if (!by_content_.emplace(token.content, i).second) {
      throw std::invalid_argument(fmt::format("the added token '{}' is there twice", escaped(token.content)));
    }
    if (token.normalized) {
      contents.push_back(normalizer != nullptr ? normalizer->normalize(token.content) : token.content);
      normalized.push_back(contents.back());
      normalized_.tokens.push_back(i);
      crosses_borders_ = crosses_borders_ || may_cross_borders(token, contents.back(), normalizer);
    } else {
      plain.push_back(token.content);
      plain_.tokens.push_back(i);
    }
  }
  plain_.automaton = AhoCorasick(plain);
  normalized_.automaton = AhoCorasick(normalized);
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
                           bool special_as_text, std::vector<Part>& parts) const {
  const std::string_view within = text.substr(begin, end - begin);
  std::vector<AhoCorasick::Match> matches;
  matcher.automaton.for_each_longest(within, [&](const AhoCorasick::Match& match) { matches.push_back(match); });
  std::reverse(matches.begin(), matches.end());

  std::size_t gap = 0;        // what no part has yet begins here
  std::size_t from = 0;       // matches do not overlap
  std::size_t white_end = 0;  // of the white space that a token has taken last: is not gone over twice
  for (const AhoCorasick::Match& match : matches) {
    if (match.begin < from) continue;
    from = match.begin + match.size;
    const AddedToken& token = tokens_[matcher.tokens[match.index]];
    if (special_as_text && token.special) continue;
    if (token.single_word && !stands_alone(within, match.begin, from)) continue;
    Part part{match.begin, from, &token};
    if (token.lstrip) part.begin = gap < part.begin ? white_space_before(within, part.begin, gap) : gap;
    if (token.rstrip) {
      if (part.end >= white_end) white_end = white_space_after(within, part.end, within.size());
      part.end = white_end;
    }
    if (part.begin >= part.end) continue;
    if (gap < part.begin) parts.push_back({begin + gap, begin + part.begin, nullptr});
    parts.push_back({begin + part.begin, begin + part.end, &token});
    gap = part.end;
  }
  if (gap < within.size()) parts.push_back({begin + gap, end, nullptr});
}

std::vector<AddedTokens::Part> AddedTokens::split_plain(std::string_view text, bool special_as_text) const {
  std::vector<Part> parts;
  find_all(plain_, text, 0, text.size(), special_as_text, parts);
  return parts;
}

std::vector<AddedTokens::Part> AddedTokens::split_normalized(std::string_view text, bool special_as_text) const {
  std::vector<Part> parts;
  find_all(normalized_, text, 0, text.size(), special_as_text, parts);
  return parts;
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text, bool special_as_text) const {
  std::vector<Part> parts = split_plain(text, special_as_text);
  if (normalized_.automaton.empty()) return parts;
  std::vector<Part> finer;
  for (const Part& part : parts) {
    if (part.token != nullptr) {
      finer.push_back(part);
    } else {
      find_all(normalized_, text, part.begin, part.end, special_as_text, finer);
    }
  }
  return finer;
}

bool AddedTokens::stands_across(std::string_view text, std::size_t at) const {
  if (stands_across(plain_, text, at)) return true;
  return has_normalizer_ ? crosses_borders_ : stands_across(normalized_, text, at);
}

bool AddedTokens::stands_across(const Matcher& matcher, std::string_view text, std::size_t at) const {
  if (matcher.automaton.empty()) return false;
  const std::size_t reach = matcher.automaton.longest();
  const std::size_t white_begin = white_space_before(text, at, at - std::min(at, kWindow));
  const std::size_t white_end = white_space_after(text, at, std::min(text.size(), at + kWindow));
  if (reach > kWindow || at - white_begin >= kWindow || white_end - at >= kWindow) return true;

  const std::size_t first = white_begin - std::min(white_begin, reach);
  bool across = false;
  matcher.automaton.for_each_match(text.substr(first, white_end + reach - first), [&](const AhoCorasick::Match& match) {
    const AddedToken& token = tokens_[matcher.tokens[match.index]];
    const std::size_t begin = first + match.begin, end = begin + match.size;
    if (begin < at && at < end) across = true;
    if (token.single_word && (begin == at || end == at)) across = true;
    if (token.lstrip && white_begin < at && at <= begin && begin <= white_end) across = true;
    if (token.rstrip && white_end > at && white_begin <= end && end <= at) across = true;
  });
  return across;
}

}  // namespace langzoo
