#include "tokenizers/sentencepiece.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/files.h"
#include "tokenizers/sentencepiece_encoder.h"
#include "tokenizers/sentencepiece_library.h"
#include "tokenizers/sentencepiece_model.h"
#include "tokenizers/sentencepiece_segmenter.h"
#include "tokenizers/tokenizer_config.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// Published models have a few MB.
constexpr std::uint64_t kMaxModelBytes = std::uint64_t{1} << 28;

void load(sentencepiece::SentencePieceProcessor& processor, std::string_view model, const std::filesystem::path& path) {
  silence_sentencepiece();
  const auto status = processor.LoadFromSerializedProto(model);
  if (!status.ok()) throw FileError(path, message_of(status));
}

void check(const sentencepiece::util::Status& status) {
  if (!status.ok()) throw std::runtime_error("sentencepiece: " + message_of(status));
}

std::optional<TokenId> present(int id) {
  return id < 0 ? std::nullopt : std::optional<TokenId>(id);
}

}  // namespace

struct SentencePiece::Impl {
  Impl(std::string bytes, const std::filesystem::path& path)
      : model_bytes(std::move(bytes)), model(parse_sentencepiece_model(model_bytes, path)) {
    load(processor, model_bytes, path);
    special_tokens.unk = present(processor.unk_id());
    special_tokens.bos = present(processor.bos_id());
    special_tokens.eos = present(processor.eos_id());
    special_tokens.pad = present(processor.pad_id());
    segmenter.emplace(model);
    encoder.emplace(model, *segmenter);
  }

  bool has(TokenId id) const { return id >= 0 && static_cast<std::size_t>(id) < model.pieces.size(); }
  std::size_t index_of(TokenId id) const {
    if (!has(id)) {
      throw std::out_of_range(fmt::format("the id {} is not in the vocabulary of {} tokens", id, model.pieces.size()));
    }
    return static_cast<std::size_t>(id);
  }

  Encoding encode(std::string_view text, const EncodeOptions& options) const;
  /// Appends the tokens of the bytes of unknown text; the last has the text's offsets.
  void append_bytes(std::string_view text, Offset original, bool tokens, Encoding& encoding) const;

  std::string model_bytes;
  SentencePieceModel model;
  sentencepiece::SentencePieceProcessor processor;
  std::optional<SentencePieceSegmenter> segmenter;  // both of a model that the library takes
  std::optional<SentencePieceEncoder> encoder;
  SpecialTokens special_tokens;
};

Encoding SentencePiece::Impl::encode(std::string_view text, const EncodeOptions& options) const {
  std::string normalized;
  std::vector<std::size_t> original;  // where in `text` each byte of it is from
  check(processor.Normalize(text, &normalized, &original));
  std::vector<ModelToken> tokens;
  if (options.sampling != nullptr) {
    segmenter->draw(normalized, *options.sampling, tokens);
  } else {
    segmenter->segment(normalized, tokens);
  }
  Encoding encoding;
  bool after_unk = false;
  for (const ModelToken& token : tokens) {
    const bool is_unk = token.id == model.unk_id;
    const std::string_view piece = std::string_view(normalized).substr(token.begin, token.end - token.begin);
    const Offset offset{original[token.begin], original[token.end]};
    if (is_unk && model.byte_fallback) {
      append_bytes(piece, offset, options.tokens, encoding);
    } else if (is_unk && after_unk) {
      encoding.offsets.back().end = offset.end;
      if (options.tokens) encoding.tokens.back() += piece;
    } else {
      encoding.ids.push_back(token.id);
      encoding.offsets.push_back(offset);
      if (options.tokens) encoding.tokens.emplace_back(piece);
    }
    after_unk = is_unk;
  }
  encoding.word_ids.assign(encoding.size(), Encoding::kNoWord);
  return encoding;
}

void SentencePiece::Impl::append_bytes(std::string_view text, Offset original, bool tokens, Encoding& encoding) const {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string piece = fmt::format("<0x{:02X}>", static_cast<unsigned char>(text[i]));
    encoding.ids.push_back(processor.PieceToId(piece));
    encoding.offsets.push_back({original.begin, i + 1 == text.size() ? original.end : original.begin});
    if (tokens) encoding.tokens.push_back(piece);
  }
}

SentencePiece::SentencePiece(std::string model, const std::filesystem::path& path)
    : impl_(std::make_unique<Impl>(std::move(model), path)) {}
SentencePiece::~SentencePiece() = default;

const std::string& SentencePiece::model() const {
  return impl_->model_bytes;
}

void SentencePiece::encode(std::string_view text, std::vector<TokenId>& ids) const {
  if (impl_->encoder->supported()) return impl_->encoder->encode(text, ids);
  const Encoding encoding = impl_->encode(text, {});
  ids.insert(ids.end(), encoding.ids.begin(), encoding.ids.end());
}

Encoding SentencePiece::encode_sequence(std::string_view text, const EncodeOptions& options) const {
  return impl_->encode(text, options);
}

std::string SentencePiece::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::vector<int> kept;
  for (const TokenId id : ids) {
    const auto kind = impl_->model.pieces[impl_->index_of(id)].kind;
    if (!skip_special_tokens || kind != SentencePieceModel::Kind::Unknown) kept.push_back(id);
  }
  std::string text;
  check(impl_->processor.Decode(kept, &text));
  return text;
}

std::string SentencePiece::decode_pieces(const std::vector<std::string>& pieces) const {
  std::string text;
  check(impl_->processor.Decode(pieces, &text));
  return text;
}

std::size_t SentencePiece::vocab_size() const {
  return impl_->model.pieces.size();
}

std::optional<TokenId> SentencePiece::token_to_id(std::string_view token) const {
  const TokenId id = impl_->processor.PieceToId(token);
  if (id < 0 || impl_->model.pieces[static_cast<std::size_t>(id)].text != token) return std::nullopt;
  return id;
}

std::string SentencePiece::id_to_token(TokenId id) const {
  return impl_->model.pieces[impl_->index_of(id)].text;
}

bool SentencePiece::has_token(TokenId id) const {
  return impl_->has(id);
}

const SpecialTokens& SentencePiece::special_tokens() const {
  return impl_->special_tokens;
}

std::size_t SentencePiece::cut_point(std::string_view text, std::size_t at) const {
  return impl_->encoder->supported() ? impl_->encoder->cut_point(text, at) : 0;
}

void SentencePiece::save(const std::filesystem::path& dir) const {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) throw FileError(dir, "cannot be created: " + error.message());
  // The model comes last: it is what makes the directory one that holds a tokenizer.
  write_file_atomically(dir / "tokenizer_config.json",
                        fmt::format("{{\n  \"tokenizer_class\": \"{}\"\n}}\n", kSentencePieceClass));
  write_file_atomically(dir / "spiece.model", impl_->model_bytes);
}

std::unique_ptr<SentencePiece> load_sentencepiece(const std::filesystem::path& path) {
  return std::make_unique<SentencePiece>(read_file(path, kMaxModelBytes), path);
}

}  // namespace langzoo
