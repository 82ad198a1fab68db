#include "tokenizers/byte_level_bpe.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "tokenizers/byte_level.h"
#include "tokenizers/decoders/byte_level_decoder.h"
#include "tokenizers/hash.h"
#include "tokenizers/models/bpe.h"
#include "tokenizers/models/bpe_merger.h"
#include "tokenizers/pipeline.h"
#include "tokenizers/pre_tokenizers/byte_level_pre_tokenizer.h"
#include "tokenizers/tokenizer_json.h"
#include "tokenizers/utf8.h"
#include "tokenizers/workspace_pool.h"

namespace langzoo {

namespace {

/// Pieces seen lately and their ids: a direct-mapped table of fixed size (4 MiB, its pages taken as they are used).
class PieceCache {
 public:
  static constexpr std::size_t kMaxBytes = 30, kMaxIds = 24;

  PieceCache() : entries_(new Entry[kEntries]) {}

  /// The entry that may hold `piece`, whose size is in [1, kMaxBytes].
  struct Entry;
  Entry& entry_of(std::string_view piece) { return entries_[hash_bytes(piece) >> (64 - kBits)]; }

  struct alignas(64) Entry {
    std::uint8_t size = 0;
    std::uint8_t count = 0;
    char bytes[kMaxBytes];
    TokenId ids[kMaxIds];

    bool holds(std::string_view piece) const {
      return size == piece.size() && std::memcmp(bytes, piece.data(), piece.size()) == 0;
    }
    void assign(std::string_view piece, std::span<const BpeSymbol> symbols) {
      size = static_cast<std::uint8_t>(piece.size());
      count = static_cast<std::uint8_t>(symbols.size());
      std::memcpy(bytes, piece.data(), piece.size());
      for (std::size_t i = 0; i < symbols.size(); ++i) ids[i] = symbols[i].id;
    }
  };

 private:
  static constexpr int kBits = 15;
  static constexpr std::size_t kEntries = std::size_t{1} << kBits;

  std::unique_ptr<Entry[]> entries_;
};

/// What one encoding at a time needs.
struct Workspace {
  PieceCache cache;
  BpeMerger merger;
  std::vector<BpeSymbol> symbols;
};

}  // namespace

struct ByteLevelBpe::Impl {
  explicit Impl(ByteLevelBpeModel m);

  /// The merged symbols of `piece` in workspace.symbols; `offset` is for the message of a byte without a token.
  void merge(std::string_view piece, std::size_t offset, Workspace& workspace,
             SubwordSampling* sampling = nullptr) const;
  void encode_piece(std::string_view piece, std::size_t offset, Workspace& workspace, std::vector<TokenId>& ids) const;
  /// Calls on_token(token, where) and on_piece(piece, where) for the parts of the text in order. A piece that begins
  /// with an added space is one byte longer than `where`.
  template <class OnToken, class OnPiece>
  void for_each_part(std::string_view text, bool special_as_text, OnToken&& on_token, OnPiece&& on_piece) const;

  /// Whether some token, of the model or added, has the id.
  bool has(TokenId id) const {
    return id >= 0 && static_cast<std::size_t>(id) < bytes.size() && !bytes[static_cast<std::size_t>(id)].empty();
  }
  std::string no_such_id(TokenId id) const {
    return fmt::format("the id {} is not in the vocabulary of {} tokens", id, bytes.size());
  }

  ByteLevelBpeModel model;
  AddedTokens added;
  MergeTable merges;
  std::array<TokenId, 256> byte_ids{};
  std::vector<std::string> bytes;  // by id, what decode writes
  std::unordered_map<std::string_view, TokenId> ids_by_token;

  WorkspacePool<Workspace> workspaces;
};

ByteLevelBpe::Impl::Impl(ByteLevelBpeModel m) : model(std::move(m)), added(model.added_tokens), merges(model.merges) {
  std::size_t size = model.tokens.size();
  if (size > kMaxVocabularySize)
    throw std::invalid_argument(fmt::format("{} tokens are more than {}", size, kMaxVocabularySize));
  for (const AddedToken& token : model.added_tokens) size = std::max(size, static_cast<std::size_t>(token.id) + 1);

  bytes.resize(size);
  byte_ids.fill(kNoToken);
  ids_by_token.reserve(size);
  for (std::size_t i = 0; i < model.tokens.size(); ++i) {
    const std::string& token = model.tokens[i];
    if (token.empty()) continue;
    const auto id = static_cast<TokenId>(i);
    if (!is_valid_utf8(token)) throw std::invalid_argument(fmt::format("token {} is not UTF-8", id));
    if (!ids_by_token.emplace(token, id).second) {
      throw std::invalid_argument(
          fmt::format("the tokens {} and {} are both '{}'", ids_by_token.at(token), id, escaped(token)));
    }
    const auto unspelled = unspell_bytes(token);
    bytes[i] = unspelled.value_or(token);
    if (unspelled && unspelled->size() == 1) byte_ids[static_cast<unsigned char>((*unspelled)[0])] = id;
  }
  for (const AddedToken& token : added.all()) {
    const auto i = static_cast<std::size_t>(token.id);
    if (i < model.tokens.size() && !model.tokens[i].empty() && model.tokens[i] != token.content) {
      throw std::invalid_argument(fmt::format("the added token '{}' has the id {} of the token '{}'",
                                              escaped(token.content), token.id, escaped(model.tokens[i])));
    }
    bytes[i] = token.content;
    const auto known = ids_by_token.emplace(token.content, token.id).first;
    if (known->second != token.id) {
      throw std::invalid_argument(fmt::format("the added token '{}' has the id {}, in the vocabulary {}",
                                              escaped(token.content), token.id, known->second));
    }
  }
  for (std::size_t rank = 0; rank < model.merges.size(); ++rank) {
    const BpeMerge& merge = model.merges[rank];
    if (!has(merge.left) || !has(merge.right) || !has(merge.result)) {
      throw std::invalid_argument(fmt::format("merge {} names an id that no token has", rank));
    }
  }
  if (model.unk && !has(*model.unk))
    throw std::invalid_argument(fmt::format("unk is {}, which no token has", *model.unk));
}

void ByteLevelBpe::Impl::merge(std::string_view piece, std::size_t offset, Workspace& workspace,
                               SubwordSampling* sampling) const {
  if (piece.size() > std::numeric_limits<std::int32_t>::max()) {
    throw std::runtime_error("a piece of text has more than 2 GiB without a place to cut it");
  }
  workspace.symbols.resize(piece.size());
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const auto byte = static_cast<unsigned char>(piece[i]);
    TokenId id = byte_ids[byte];
    if (id == kNoToken) {
      if (!model.unk) {
        throw std::runtime_error(
            fmt::format("the vocabulary has no token for the byte 0x{:02X} at offset {}", byte, offset + i));
      }
      id = *model.unk;
    }
    workspace.symbols[i] = {static_cast<std::uint32_t>(i), id};
  }
  if (sampling != nullptr) {
    workspace.merger.merge(merges, workspace.symbols, *sampling);
  } else {
    workspace.merger.merge(merges, workspace.symbols);
  }
}

void ByteLevelBpe::Impl::encode_piece(std::string_view piece, std::size_t offset, Workspace& workspace,
                                      std::vector<TokenId>& ids) const {
  PieceCache::Entry* entry = nullptr;
  if (piece.size() <= PieceCache::kMaxBytes) {
    entry = &workspace.cache.entry_of(piece);
    if (entry->holds(piece)) {
      if (entry->count == 1) {
        ids.push_back(entry->ids[0]);
      } else {
        ids.insert(ids.end(), entry->ids, entry->ids + entry->count);
      }
      return;
    }
  }
  merge(piece, offset, workspace);
  for (const BpeSymbol& symbol : workspace.symbols) ids.push_back(symbol.id);
  if (entry != nullptr && workspace.symbols.size() <= PieceCache::kMaxIds) entry->assign(piece, workspace.symbols);
}

template <class OnToken, class OnPiece>
void ByteLevelBpe::Impl::for_each_part(std::string_view text, bool special_as_text, OnToken&& on_token,
                                       OnPiece&& on_piece) const {
  std::string spaced;
  for (const AddedTokens::Part& part : added.split(text, special_as_text)) {
    if (part.token != nullptr) {
      on_token(*part.token, Offset{part.begin, part.end});
      continue;
    }
    std::string_view bytes = text.substr(part.begin, part.end - part.begin);
    std::size_t shift = 0;  // bytes that are not in the text
    if (model.add_prefix_space && bytes[0] != ' ') {
      spaced.assign(1, ' ').append(bytes);
      bytes = spaced;
      shift = 1;
    }
    for_each_gpt2_piece(bytes, [&](std::size_t begin, std::size_t end) {
      on_piece(bytes.substr(begin, end - begin),
               Offset{part.begin + std::max(begin, shift) - shift, part.begin + end - shift});
    });
  }
}

ByteLevelBpe::ByteLevelBpe(ByteLevelBpeModel model) : impl_(std::make_unique<Impl>(std::move(model))) {}
ByteLevelBpe::~ByteLevelBpe() = default;

const ByteLevelBpeModel& ByteLevelBpe::model() const {
  return impl_->model;
}

void ByteLevelBpe::encode(std::string_view text, std::vector<TokenId>& ids) const {
  const auto workspace = impl_->workspaces.borrow();
  impl_->for_each_part(
      text, false, [&](const AddedToken& token, Offset) { ids.push_back(token.id); },
      [&](std::string_view piece, Offset where) { impl_->encode_piece(piece, where.begin, *workspace, ids); });
}

Encoding ByteLevelBpe::encode_sequence(std::string_view text, const EncodeOptions& options) const {
  if (options.sampling != nullptr && !(options.sampling->bpe_dropout >= 0 && options.sampling->bpe_dropout <= 1)) {
    throw std::invalid_argument(fmt::format("bpe_dropout is {}, not a probability", options.sampling->bpe_dropout));
  }
  const auto workspace = impl_->workspaces.borrow();
  Encoding encoding;
  std::int32_t word = 0;
  const auto on_token = [&](const AddedToken& token, Offset where) {
    encoding.ids.push_back(token.id);
    encoding.offsets.push_back(where);
    encoding.word_ids.push_back(word++);
    // As in Python, with the white space that the token took.
    if (options.tokens) encoding.tokens.emplace_back(text.substr(where.begin, where.end - where.begin));
  };
  const auto on_piece = [&](std::string_view piece, Offset where) {
    impl_->merge(piece, where.begin, *workspace, options.sampling);
    const std::vector<BpeSymbol>& symbols = workspace->symbols;
    const std::size_t shift = piece.size() - (where.end - where.begin);
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const std::size_t end = i + 1 < symbols.size() ? symbols[i + 1].begin : piece.size();
      Offset offset{where.begin + std::max<std::size_t>(symbols[i].begin, shift) - shift, where.begin + end - shift};
      // As in Python, an added space alone is said to be the character behind it.
      if (end <= shift) offset.end += decode_utf8(text, where.begin).length;
      encoding.ids.push_back(symbols[i].id);
      encoding.offsets.push_back(offset);
      encoding.word_ids.push_back(word);
      if (options.tokens) encoding.tokens.push_back(id_to_token(symbols[i].id));
    }
    ++word;
  };
  impl_->for_each_part(text, options.split_special_tokens, on_token, on_piece);
  return encoding;
}

std::string ByteLevelBpe::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::string text;
  for (const TokenId id : ids) {
    if (!impl_->has(id)) throw std::out_of_range(impl_->no_such_id(id));
    if (skip_special_tokens) {
      const AddedToken* token = impl_->added.find(id);
      if (token != nullptr && token->special) continue;
    }
    text += impl_->bytes[static_cast<std::size_t>(id)];
  }
  return text;
}

std::size_t ByteLevelBpe::vocab_size() const {
  return impl_->bytes.size();
}

std::optional<TokenId> ByteLevelBpe::token_to_id(std::string_view token) const {
  const auto found = impl_->ids_by_token.find(token);
  return found == impl_->ids_by_token.end() ? std::nullopt : std::optional(found->second);
}

std::string ByteLevelBpe::id_to_token(TokenId id) const {
  if (const AddedToken* token = impl_->added.find(id)) return token->content;
  if (!impl_->has(id)) throw std::out_of_range(impl_->no_such_id(id));
  return impl_->model.tokens[static_cast<std::size_t>(id)];
}

bool ByteLevelBpe::has_token(TokenId id) const {
  return impl_->has(id);
}

const SpecialTokens& ByteLevelBpe::special_tokens() const {
  return impl_->model.special_tokens;
}

std::size_t ByteLevelBpe::cut_point(std::string_view text, std::size_t at) const {
  if (at >= text.size()) return text.size();
  for (std::size_t cut = at; cut > 0; --cut) {
    // A part that begins with another white space would get a prefix space.
    if (impl_->model.add_prefix_space && text[cut] != ' ') continue;
    if (is_gpt2_border(text, cut) && !impl_->added.stands_across(text, cut)) return cut;
  }
  return 0;
}

void ByteLevelBpe::save(const std::filesystem::path& dir) const {
  save_tokenizer(dir, tokenizer_json(impl_->model, rules()), *this);
}

std::unique_ptr<Tokenizer> make_byte_level_tokenizer(ByteLevelBpeModel model) {
  std::array<bool, 256> known{};
  for (const std::string& token : model.tokens) {
    const auto bytes = unspell_bytes(token);
    if (bytes && bytes->size() == 1) known[static_cast<unsigned char>(bytes->front())] = true;
  }
  if (model.unk || std::find(known.begin(), known.end(), false) == known.end()) {
    return std::make_unique<ByteLevelBpe>(std::move(model));
  }
  PipelineParts parts;
  parts.added_tokens = std::move(model.added_tokens);
  parts.pre_tokenizer =
      std::make_shared<ByteLevelPreTokenizer>(ByteLevelPreTokenizerOptions{.add_prefix_space = model.add_prefix_space});
  parts.model = std::make_shared<Bpe>(BpeOptions{.tokens = std::move(model.tokens), .merges = std::move(model.merges)});
  parts.decoder = std::make_shared<ByteLevelDecoder>();
  parts.special_tokens = model.special_tokens;
  return std::make_unique<Pipeline>(std::move(parts));
}

}  // namespace langzoo
