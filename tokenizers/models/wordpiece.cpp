#include "tokenizers/models/wordpiece.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "tokenizers/models/trie.h"
#include "tokenizers/models/vocabulary.h"

namespace langzoo {

namespace {

Trie trie_of(const IdsByToken& ids) {
  return Trie({ids.begin(), ids.end()});
}

}  // namespace

struct WordPiece::Impl {
  explicit Impl(WordPieceOptions o)
      : options(std::move(o)),
        ids(index_tokens(options.tokens)),
        trie(trie_of(ids)),
        unk(find_id(ids, options.unk_token)) {
    check_utf8("unk_token", options.unk_token);
    check_utf8("continuing_subword_prefix", options.continuing_subword_prefix);
    // What continues a word is found among the tokens from the prefix's place on.
    continuation = trie.root();
    for (const char byte : options.continuing_subword_prefix) {
      if (trie.step(*continuation, byte)) continue;
      continuation.reset();
      break;
    }
  }

  WordPieceOptions options;
  IdsByToken ids;
  Trie trie;
  std::optional<Trie::Node> continuation;  // none: no token continues a word
  std::optional<TokenId> unk;
};

WordPiece::WordPiece(WordPieceOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
WordPiece::~WordPiece() = default;

const WordPieceOptions& WordPiece::options() const {
  return impl_->options;
}

void WordPiece::tokenize(std::string_view word, std::vector<ModelToken>& tokens, SubwordSampling*) const {
  check_word_size(word);
  const Trie& trie = impl_->trie;
  const std::size_t before = tokens.size();
  const std::size_t max_characters = impl_->options.max_input_chars_per_word;
  bool known = word.size() <= max_characters || count_characters(word) <= max_characters;
  std::size_t begin = 0;
  while (known && begin < word.size()) {
    known = begin == 0 || impl_->continuation;
    if (!known) break;
    Trie::Node node = begin == 0 ? trie.root() : *impl_->continuation;
    ModelToken longest{0, static_cast<std::uint32_t>(begin), 0};
    for (std::size_t i = begin; i < word.size() && trie.step(node, word[i]); ++i) {
      if (!node.is_key()) continue;
      longest.id = node.id();
      longest.end = static_cast<std::uint32_t>(i + 1);
    }
    known = longest.end != 0;
    if (known) tokens.push_back(longest);
    begin = longest.end;
  }
  if (known) return;
  if (!impl_->unk) {
    throw std::runtime_error(fmt::format("'{}' cannot be made of the vocabulary, which lacks the unknown token '{}'",
                                         shorten(word), escaped(impl_->options.unk_token)));
  }
  tokens.resize(before);
  tokens.push_back({*impl_->unk, 0, static_cast<std::uint32_t>(word.size())});
}

std::size_t WordPiece::vocab_size() const {
  return impl_->options.tokens.size();
}

std::optional<TokenId> WordPiece::token_to_id(std::string_view token) const {
  return find_id(impl_->ids, token);
}

std::optional<std::string_view> WordPiece::id_to_token(TokenId id) const {
  return find_token(impl_->options.tokens, id);
}

std::optional<TokenId> WordPiece::unk() const {
  return impl_->unk;
}

std::string WordPiece::to_json() const {
  return fmt::format(
      "{{\n    \"type\": \"WordPiece\",\n    \"unk_token\": {},\n    \"continuing_subword_prefix\": {},\n"
      "    \"max_input_chars_per_word\": {},\n    \"vocab\": {}\n  }}",
      json_string(impl_->options.unk_token), json_string(impl_->options.continuing_subword_prefix),
      impl_->options.max_input_chars_per_word, vocab_json(impl_->options.tokens));
}

}  // namespace langzoo
