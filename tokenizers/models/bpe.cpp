#include "tokenizers/models/bpe.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "tokenizers/models/bpe_merger.h"
#include "tokenizers/models/vocabulary.h"

namespace langzoo {

namespace {

/// The prefix and the suffix are spelled out for every character: they stay short.
constexpr std::size_t kMaxAffix = 64;

}  // namespace

struct Bpe::Impl {
  explicit Impl(BpeOptions o);

  /// The character as its token is spelled.
  void spell(std::string_view character, bool first, bool last, std::string& spelled) const {
    spelled.clear();
    if (!first) spelled += options.continuing_subword_prefix;
    spelled += character;
    if (last) spelled += options.end_of_word_suffix;
  }
  std::size_t ascii_index(char character, bool first, bool last) const {
    return static_cast<std::size_t>(character) + (first ? 128 : 0) + (last ? 256 : 0);
  }

  BpeOptions options;
  IdsByToken ids;
  MergeTable merges;
  ByteTokens bytes;
  std::optional<TokenId> unk;
  std::array<TokenId, 512> ascii;  // ids of ASCII characters by ascii_index
};

Bpe::Impl::Impl(BpeOptions o)
    : options(std::move(o)), ids(index_tokens(options.tokens)), merges(options.merges), bytes(ids) {
  for (const auto& [name, affix] : {std::pair("continuing_subword_prefix", &options.continuing_subword_prefix),
                                    std::pair("end_of_word_suffix", &options.end_of_word_suffix)}) {
    check_utf8(name, *affix);
    if (affix->size() > kMaxAffix) {
      throw std::invalid_argument(fmt::format("{} has {} bytes, more than {}", name, affix->size(), kMaxAffix));
    }
  }
  if (options.unk_token) {
    check_utf8("unk_token", *options.unk_token);
    unk = find_id(ids, *options.unk_token);
  }
  for (std::size_t rank = 0; rank < options.merges.size(); ++rank) {
    const BpeMerge& merge = options.merges[rank];
    for (const TokenId id : {merge.left, merge.right, merge.result}) {
      if (!find_token(options.tokens, id)) {
        throw std::invalid_argument(fmt::format("merge {} names the id {}, which no token has", rank, id));
      }
    }
  }
  std::string spelled;
  for (int c = 0; c < 128; ++c) {
    const char character = static_cast<char>(c);
    for (const bool first : {false, true}) {
      for (const bool last : {false, true}) {
        spell({&character, 1}, first, last, spelled);
        ascii[ascii_index(character, first, last)] = find_id(ids, spelled).value_or(kNoToken);
      }
    }
  }
}

namespace {

/// The symbols that a word's merging begins with. Every symbol stands where the ones before it end, counted as the
/// reference does: characters without any token take no place, and an unknown one follows the bytes of those after it.
class Symbols {
 public:
  explicit Symbols(std::vector<BpeSymbol>& symbols, std::size_t word_size) : symbols_(symbols), word_size_(word_size) {
    symbols_.clear();
  }
  void add(TokenId id, std::size_t length) {
    symbols_.push_back({static_cast<std::uint32_t>(std::min(end_, word_size_)), id});
    end_ += length;
  }
  void add_unknown(TokenId unk, std::size_t length, bool fuse) {
    if (!fuse) flush(unk);
    unknown_ += length;
  }
  void flush(TokenId unk) {
    if (unknown_ > 0) add(unk, unknown_);
    unknown_ = 0;
  }
  std::size_t end() const { return std::min(end_, word_size_); }

 private:
  std::vector<BpeSymbol>& symbols_;
  std::size_t word_size_;
  std::size_t end_ = 0;
  std::size_t unknown_ = 0;  // bytes of unknown characters that wait for their token
};

/// Working memory of a thread.
struct Workspace {
  BpeMerger merger;
  std::vector<BpeSymbol> symbols;
  std::string spelled;
};

}  // namespace

Bpe::Bpe(BpeOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Bpe::~Bpe() = default;

const BpeOptions& Bpe::options() const {
  return impl_->options;
}

void Bpe::tokenize(std::string_view word, std::vector<ModelToken>& tokens, SubwordSampling* sampling) const {
  if (word.empty()) return;
  check_word_size(word);
  if (sampling != nullptr && !(sampling->bpe_dropout >= 0 && sampling->bpe_dropout <= 1)) {
    throw std::invalid_argument(fmt::format("bpe_dropout is {}, not a probability", sampling->bpe_dropout));
  }
  const bool random = sampling != nullptr && sampling->bpe_dropout > 0;
  const BpeOptions& options = impl_->options;
  if (options.ignore_merges && !random) {
    if (const auto id = token_to_id(word)) {
      tokens.push_back({*id, 0, static_cast<std::uint32_t>(word.size())});
      return;
    }
  }
  static thread_local Workspace workspace;
  auto& [merger, merged, spelled] = workspace;
  Symbols symbols(merged, word.size());
  for (std::size_t at = 0; at < word.size();) {
    const bool ascii = static_cast<unsigned char>(word[at]) < 128;
    const std::size_t length = ascii ? 1 : decode_utf8(word, at).length;
    const bool first = at == 0, last = at + length == word.size();
    const std::string_view character = word.substr(at, length);
    TokenId id = kNoToken;
    if (ascii) {
      id = impl_->ascii[impl_->ascii_index(word[at], first, last)];
    } else {
      impl_->spell(character, first, last, spelled);
      id = find_id(impl_->ids, spelled).value_or(kNoToken);
    }
    at += length;
    if (id != kNoToken) {
      if (impl_->unk) symbols.flush(*impl_->unk);
      symbols.add(id, length);
      continue;
    }
    if (options.byte_fallback) {
      impl_->spell(character, first, last, spelled);
      if (impl_->bytes.cover(spelled)) {
        for (const char byte : spelled) symbols.add(impl_->bytes[byte], 1);
        continue;
      }
    }
    if (!options.unk_token) continue;
    if (!impl_->unk) {
      throw std::runtime_error(fmt::format("'{}' is not in the vocabulary, nor is the unknown token '{}'",
                                           escaped(character), escaped(*options.unk_token)));
    }
    symbols.add_unknown(*impl_->unk, length, options.fuse_unk);
  }
  if (impl_->unk) symbols.flush(*impl_->unk);
  if (random) {
    merger.merge(impl_->merges, merged, *sampling);
  } else {
    merger.merge(impl_->merges, merged);
  }
  for (std::size_t i = 0; i < merged.size(); ++i) {
    const std::size_t end = i + 1 < merged.size() ? merged[i + 1].begin : symbols.end();
    tokens.push_back({merged[i].id, merged[i].begin, static_cast<std::uint32_t>(end)});
  }
  constexpr std::size_t kKeep = std::size_t{1} << 16;
  if (merged.capacity() > kKeep) merged = {};
}

std::size_t Bpe::vocab_size() const {
  return impl_->options.tokens.size();
}

std::optional<TokenId> Bpe::token_to_id(std::string_view token) const {
  return find_id(impl_->ids, token);
}

std::optional<std::string_view> Bpe::id_to_token(TokenId id) const {
  return find_token(impl_->options.tokens, id);
}

std::optional<TokenId> Bpe::unk() const {
  return impl_->unk;
}

std::string Bpe::to_json() const {
  const BpeOptions& o = impl_->options;
  const auto text_or_null = [](const std::string& text) { return text.empty() ? "null" : json_string(text); };
  return fmt::format(
      "{{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": {},\n"
      "    \"continuing_subword_prefix\": {},\n"
      "    \"end_of_word_suffix\": {},\n    \"fuse_unk\": {},\n    \"byte_fallback\": {},\n    \"ignore_merges\": {},\n"
      "    \"vocab\": {},\n    \"merges\": {}\n  }}",
      o.unk_token ? json_string(*o.unk_token) : "null", text_or_null(o.continuing_subword_prefix),
      text_or_null(o.end_of_word_suffix), o.fuse_unk, o.byte_fallback, o.ignore_merges, vocab_json(o.tokens),
      merges_json(o.tokens, o.merges));
}

}  // namespace langzoo
