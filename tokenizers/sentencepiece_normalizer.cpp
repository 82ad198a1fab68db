#include "tokenizers/sentencepiece_normalizer.h"

#include <utility>
#include <vector>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

Trie user_defined_symbols(const SentencePieceModel& model) {
  std::vector<std::pair<std::string_view, TokenId>> keys;
  for (const auto& piece : model.pieces) {
    if (piece.kind == SentencePieceModel::Kind::UserDefined) keys.emplace_back(piece.text, 0);
  }
  return Trie(std::move(keys));
}

}  // namespace

SentencePieceNormalizer::SentencePieceNormalizer(const SentencePieceModel& model)
    : model_(model), user_defined_(user_defined_symbols(model)) {
  std::array<bool, 256> begins_symbol{}, in_symbol{};
  for (const auto& piece : model.pieces) {
    if (piece.kind != SentencePieceModel::Kind::UserDefined) continue;
    begins_symbol[static_cast<unsigned char>(piece.text[0])] = true;
    for (const char c : piece.text) in_symbol[static_cast<unsigned char>(c)] = true;
  }
  for (unsigned char byte = 1; byte < 128; ++byte) {
    const auto character = static_cast<char>(byte);
    const SentencePieceCharsmap::Match match = model.charsmap.longest({&character, 1});
    if (!in_symbol[byte] && !model.charsmap.has_inside(character)) {
      spaces_[byte] = match.length == 0 ? byte == ' ' : match.replacement == " ";
    }
    plain_[byte] = byte > ' ' && byte < 127 && match.length == 0 && !begins_symbol[byte];
    for (unsigned char next = 0; plain_[byte] && next < 128; ++next) {
      plain_[byte] = !model.charsmap.has_prefix(std::string{static_cast<char>(byte), static_cast<char>(next)});
    }
  }
}

SentencePieceNormalizer::Match SentencePieceNormalizer::longest(std::string_view text) const {
  std::size_t symbol = 0;
  Trie::Node node = user_defined_.root();
  for (std::size_t i = 0; i < text.size() && user_defined_.step(node, text[i]); ++i) {
    if (node.is_key()) symbol = i + 1;
  }
  if (symbol > 0) return {symbol, text.substr(0, symbol)};
  const SentencePieceCharsmap::Match match = model_.charsmap.longest(text);
  if (match.length > 0) return {match.length, match.replacement};
  const Utf8Char character = decode_utf8(text, 0);
  if (!character.valid) return {1, kReplacementCharacter};
  return {character.length, text.substr(0, character.length)};
}

void SentencePieceNormalizer::normalize(std::string_view part, Progress& progress, std::string& normalized) const {
  if (part.empty()) return;
  std::size_t at = 0;
  if (progress.at_start) {
    if (model_.remove_extra_whitespaces) {
      while (at < part.size()) {
        const Match match = longest(part.substr(at));
        if (match.replacement != " ") break;
        at += match.length;
      }
      if (at == part.size()) return;
    }
    progress.at_start = false;
    progress.after_space = model_.remove_extra_whitespaces;
    if (model_.add_dummy_prefix) normalized += kSpaceSymbol;
  }
  while (at < part.size()) {
    if (is_plain(part[at]) && (at + 1 == part.size() || static_cast<unsigned char>(part[at + 1]) < 128)) {
      normalized += part[at++];
      progress.after_space = false;
      continue;
    }
    const Match match = longest(part.substr(at));
    at += match.length;
    std::string_view with = match.replacement;
    while (progress.after_space && with.starts_with(' ')) with.remove_prefix(1);
    for (const char c : with) {
      if (c == ' ') {
        normalized += kSpaceSymbol;
      } else {
        normalized += c;
      }
    }
    if (!with.empty()) progress.after_space = model_.remove_extra_whitespaces && with.ends_with(' ');
  }
}

void SentencePieceNormalizer::finish(std::string& normalized) const {
  if (!model_.remove_extra_whitespaces) return;
  while (normalized.ends_with(kSpaceSymbol)) normalized.resize(normalized.size() - kSpaceSymbol.size());
}

}  // namespace langzoo
