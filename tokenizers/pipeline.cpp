#include "tokenizers/pipeline.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "data/files/escaped.h"
#include "tokenizers/chunk_cache.h"
#include "tokenizers/tokenizer_json.h"
#include "tokenizers/utf8.h"
#include "tokenizers/workspace_pool.h"

namespace langzoo {

namespace {

bool is_printable(char c) {
  return c > ' ' && c < '\x7F';
}

/// The first border after `from`, or the end of the text.
std::size_t next_border(std::string_view text, std::size_t from) {
  for (std::size_t at = from + 1; at < text.size(); ++at) {
    at = text.find(' ', at);
    if (at == std::string_view::npos) break;
    if (is_border(text, at)) return at;
  }
  return text.size();
}

/// A text with U+FFFD in the place of what is not UTF-8, and where its bytes were before.
class RepairedText {
 public:
  explicit RepairedText(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t invalid = find_invalid_utf8(text, at);
      text_ += text.substr(at, invalid - at);
      if (invalid == text.size()) break;
      const std::size_t length = decode_utf8(text, invalid).length;
      repairs_.push_back({text_.size(), invalid, length});
      append_utf8(text_, 0xFFFD);
      at = invalid + length;
    }
  }

  const std::string& text() const { return text_; }

  Offset original(Offset repaired) const { return {position(repaired.begin, false), position(repaired.end, true)}; }

 private:
  struct Repair {
    std::size_t at, original, length;
  };
  static constexpr std::size_t kReplacementBytes = 3;

  std::size_t position(std::size_t at, bool end) const {
    const auto after = std::upper_bound(repairs_.begin(), repairs_.end(), at,
                                        [](std::size_t p, const Repair& repair) { return p < repair.at; });
    if (after == repairs_.begin()) return at;
    const Repair& repair = *(after - 1);
    if (at >= repair.at + kReplacementBytes)
      return at - (repair.at + kReplacementBytes) + repair.original + repair.length;
    return end && at > repair.at ? repair.original + repair.length : repair.original;
  }

  std::string text_;
  std::vector<Repair> repairs_;
};

/// What one encoding at a time needs.
struct PipelineWorkspace {
  ChunkCache cache;
  std::vector<NormalizedText> words;
  std::vector<ModelToken> tokens;
  std::vector<ChunkCache::Token> chunk;
};

/// Where tokens go: ids alone, or all that an Encoding holds.
struct IdSink {
  std::vector<TokenId>& ids;
  void put(TokenId id, Offset, std::size_t) { ids.push_back(id); }
};
struct EncodingSink {
  Encoding& encoding;
  void put(TokenId id, Offset offset, std::size_t word) {
    encoding.ids.push_back(id);
    encoding.offsets.push_back(offset);
    encoding.word_ids.push_back(static_cast<std::int32_t>(word));
  }
};

}  // namespace

bool is_border(std::string_view text, std::size_t at) {
  return at > 0 && at + 1 < text.size() && text[at] == ' ' && is_printable(text[at - 1]) && is_printable(text[at + 1]);
}

struct Pipeline::Impl {
  explicit Impl(PipelineParts p);

  /// Calls put(id, offset, word, spelling) for the tokens of `text`, which is UTF-8; `spelling` is the part of the
  /// normalized text that an added or unknown token stands for, empty for others.
  template <class Put>
  void tokenize(std::string_view text, PipelineWorkspace& workspace, const EncodeOptions& options, Put&& put) const;
  /// The same for text[begin, end), which lies between plain added tokens. Words are counted on from `word`.
  template <class Put>
  void tokenize_part(std::string_view text, std::size_t begin, std::size_t end, std::size_t& word,
                     PipelineWorkspace& workspace, const EncodeOptions& options, Put&& put) const;
  /// All of `text`, remembering chunks where the stages allow it.
  template <class Sink>
  void encode(std::string_view text, PipelineWorkspace& workspace, Sink&& sink) const;
  /// Whether what text[begin, end) begins with is normalized away, which shifts Python's offsets of all that follows.
  bool loses_its_beginning(std::string_view text, std::size_t begin, std::size_t end) const;
  template <class Sink>
  void encode_chunk(std::string_view text, std::size_t begin, std::size_t end, std::size_t& word,
                    PipelineWorkspace& workspace, Sink&& sink) const;

  std::optional<std::string_view> find_token(TokenId id) const {
    if (const AddedToken* token = added.find(id)) return token->content;
    return parts.model->id_to_token(id);
  }
  std::string_view token(TokenId id) const {
    if (const auto found = find_token(id)) return *found;
    throw std::out_of_range(fmt::format("the id {} is not in the vocabulary of {} tokens", id, size));
  }

  PipelineParts parts;
  AddedTokens added;
  std::size_t size = 0;
  bool cuts_at_borders = false;
  bool spells_unknown = false;
  std::optional<TokenId> unk;
  std::unordered_map<TokenId, std::string> normalized_names;  // of added tokens whose content the normalizer changes
  mutable WorkspacePool<PipelineWorkspace> workspaces;
};

Pipeline::Impl::Impl(PipelineParts p) : parts(std::move(p)), added(parts.added_tokens, parts.normalizer.get()) {
  if (!parts.model) throw std::invalid_argument("a pipeline needs a model");
  size = parts.model->vocab_size();
  // Without a pre-tokenizer a model sees all of the text as one word.
  cuts_at_borders = parts.pre_tokenizer && parts.pre_tokenizer->cuts_at_borders() &&
                    (!parts.normalizer || (parts.normalizer->cuts_at_borders() && parts.normalizer->keeps_borders())) &&
                    !added.normalized_cross_borders();
  spells_unknown = parts.model->spells_unknown();
  unk = parts.model->unk();
  for (const AddedToken& token : added.all()) {
    const auto id = static_cast<std::size_t>(token.id);
    const auto known = parts.model->id_to_token(token.id);
    const auto known_id = parts.model->token_to_id(token.content);
    if (known_id ? *known_id != token.id : known.has_value()) {
      throw std::invalid_argument(known_id ? fmt::format("the added token '{}' has the id {}, in the vocabulary {}",
                                                         escaped(token.content), token.id, *known_id)
                                           : fmt::format("the added token '{}' has the id {} of the token '{}'",
                                                         escaped(token.content), token.id, escaped(*known)));
    }
    size = std::max(size, id + 1);
    if (!token.normalized || !parts.normalizer) continue;
    std::string name = parts.normalizer->normalize(std::string_view(token.content));
    if (name != token.content) normalized_names.emplace(token.id, std::move(name));
  }
}

template <class Put>
void Pipeline::Impl::tokenize(std::string_view text, PipelineWorkspace& workspace, const EncodeOptions& options,
                              Put&& put) const {
  std::size_t word = 0;
  for (const AddedTokens::Part& part : added.split_plain(text, options.split_special_tokens)) {
    if (part.token != nullptr) {
      put(part.token->id, Offset{part.begin, part.end}, word++, text.substr(part.begin, part.end - part.begin));
    } else {
      tokenize_part(text, part.begin, part.end, word, workspace, options, put);
    }
  }
}

template <class Put>
void Pipeline::Impl::tokenize_part(std::string_view text, std::size_t begin, std::size_t end, std::size_t& word,
                                   PipelineWorkspace& workspace, const EncodeOptions& options, Put&& put) const {
  NormalizedText whole(text.substr(begin, end - begin), begin);
  if (parts.normalizer) parts.normalizer->normalize(whole);
  if (whole.empty()) return;
  std::vector<NormalizedText>& words = workspace.words;
  const auto put_words = [&] {
    if (parts.pre_tokenizer) parts.pre_tokenizer->cut(words);
    for (const NormalizedText& part : words) {
      workspace.tokens.clear();
      parts.model->tokenize(part.text(), workspace.tokens, options.sampling);
      for (const ModelToken& token : workspace.tokens) {
        put(token.id, part.original(token.begin, token.end), word,
            spells_unknown && token.id == unk
                ? std::string_view(part.text()).substr(token.begin, token.end - token.begin)
                : std::string_view());
      }
      ++word;
    }
  };
  const std::vector<AddedTokens::Part> pieces = added.split_normalized(whole.text(), options.split_special_tokens);
  for (const AddedTokens::Part& piece : pieces) {
    if (piece.token != nullptr) {
      put(piece.token->id, whole.original(piece.begin, piece.end), word++,
          std::string_view(whole.text()).substr(piece.begin, piece.end - piece.begin));
      continue;
    }
    words.clear();
    // A slice begins where its first character came from, which is not where `whole` does if what was there is gone.
    words.push_back(whole.slice(piece.begin, piece.end));
    put_words();
  }
}

bool Pipeline::Impl::loses_its_beginning(std::string_view text, std::size_t begin, std::size_t end) const {
  if (!parts.normalizer || is_printable(text[begin])) return false;
  NormalizedText first(text.substr(begin, next_border(text.substr(0, end), begin) - begin), begin);
  parts.normalizer->normalize(first);
  return first.empty() || first.original(0, 1).begin > begin;
}

template <class Sink>
void Pipeline::Impl::encode(std::string_view text, PipelineWorkspace& workspace, Sink&& sink) const {
  std::size_t word = 0;
  for (const AddedTokens::Part& part : added.split_plain(text)) {
    if (part.token != nullptr) {
      sink.put(part.token->id, Offset{part.begin, part.end}, word++);
      continue;
    }
    if (!cuts_at_borders || loses_its_beginning(text, part.begin, part.end)) {
      tokenize_part(text, part.begin, part.end, word, workspace, {},
                    [&](TokenId id, Offset offset, std::size_t w, std::string_view) { sink.put(id, offset, w); });
      continue;
    }
    const std::string_view bounded = text.substr(0, part.end);
    for (std::size_t begin = part.begin; begin < part.end;) {
      const std::size_t end = next_border(bounded, begin);
      encode_chunk(text, begin, end, word, workspace, sink);
      begin = end;
    }
  }
}

template <class Sink>
void Pipeline::Impl::encode_chunk(std::string_view text, std::size_t begin, std::size_t end, std::size_t& word,
                                  PipelineWorkspace& workspace, Sink&& sink) const {
  const std::string_view chunk = text.substr(begin, end - begin);
  const auto uncached = [&](auto&& put) { tokenize_part(text, begin, end, word, workspace, {}, put); };
  if (chunk.size() > ChunkCache::Entry::kMaxBytes) {
    uncached([&](TokenId id, Offset offset, std::size_t w, std::string_view) { sink.put(id, offset, w); });
    return;
  }
  ChunkCache::Entry& entry = workspace.cache.entry_of(chunk);
  if (!entry.holds(chunk, begin == 0)) {
    const std::size_t first_word = word;
    workspace.chunk.clear();
    uncached([&](TokenId id, Offset offset, std::size_t w, std::string_view) {
      workspace.chunk.push_back({id, static_cast<std::uint8_t>(offset.begin - begin),
                                 static_cast<std::uint8_t>(offset.end - begin),
                                 static_cast<std::uint8_t>(w - first_word)});
      sink.put(id, offset, w);
    });
    if (workspace.chunk.size() <= ChunkCache::Entry::kMaxTokens && word - first_word <= 0xFF)
      entry.assign(chunk, begin == 0, workspace.chunk, word - first_word);
    return;
  }
  for (const ChunkCache::Token& token : entry.tokens())
    sink.put(token.id, Offset{begin + token.begin, begin + token.end}, word + token.word);
  word += entry.words();
}

Pipeline::Pipeline(PipelineParts parts, EncodingRules rules) : impl_(std::make_unique<Impl>(std::move(parts))) {
  set_rules(std::move(rules));
}
Pipeline::~Pipeline() = default;

const PipelineParts& Pipeline::parts() const {
  return impl_->parts;
}

void Pipeline::encode(std::string_view text, std::vector<TokenId>& ids) const {
  if (!is_valid_utf8(text)) return encode(sanitize_utf8(text), ids);
  const auto workspace = impl_->workspaces.borrow();
  impl_->encode(text, *workspace, IdSink{ids});
}

Encoding Pipeline::encode_sequence(std::string_view text, const EncodeOptions& options) const {
  if (!is_valid_utf8(text)) {
    const RepairedText repaired(text);
    Encoding encoding = encode_sequence(repaired.text(), options);
    for (Offset& offset : encoding.offsets) offset = repaired.original(offset);
    return encoding;
  }
  const auto workspace = impl_->workspaces.borrow();
  Encoding encoding;
  EncodingSink sink{encoding};
  if (options.sampling == nullptr && !options.tokens && !options.split_special_tokens) {
    impl_->encode(text, *workspace, sink);
    return encoding;
  }
  impl_->tokenize(text, *workspace, options,
                  [&](TokenId id, Offset offset, std::size_t word, std::string_view spelling) {
                    sink.put(id, offset, word);
                    if (options.tokens) encoding.tokens.emplace_back(spelling.empty() ? impl_->token(id) : spelling);
                  });
  return encoding;
}

std::string Pipeline::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    if (skip_special_tokens) {
      const AddedToken* added = impl_->added.find(id);
      if (added != nullptr && added->special) continue;
    }
    const auto normalized = impl_->normalized_names.find(id);
    tokens.emplace_back(normalized == impl_->normalized_names.end() ? impl_->token(id) : normalized->second);
  }
  if (impl_->parts.decoder) {
    impl_->parts.decoder->decode(tokens);
    return fmt::format("{}", fmt::join(tokens, ""));
  }
  return fmt::format("{}", fmt::join(tokens, " "));
}

std::size_t Pipeline::vocab_size() const {
  return impl_->size;
}

std::optional<TokenId> Pipeline::token_to_id(std::string_view token) const {
  if (const AddedToken* added = impl_->added.find(token)) return added->id;
  return impl_->parts.model->token_to_id(token);
}

std::string Pipeline::id_to_token(TokenId id) const {
  return std::string(impl_->token(id));
}

bool Pipeline::has_token(TokenId id) const {
  return impl_->find_token(id).has_value();
}

const SpecialTokens& Pipeline::special_tokens() const {
  return impl_->parts.special_tokens;
}

std::size_t Pipeline::cut_point(std::string_view text, std::size_t at) const {
  if (at >= text.size()) return text.size();
  if (!impl_->cuts_at_borders) return 0;
  for (std::size_t cut = at; cut > 0; --cut) {
    if (is_border(text, cut) && !impl_->added.stands_across(text, cut)) return cut;
  }
  return 0;
}

void Pipeline::save(const std::filesystem::path& dir) const {
  save_tokenizer(dir, tokenizer_json(impl_->parts, rules()), *this);
}

}  // namespace langzoo
