#include "tokenizers/sentencepiece_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>
#include <sentencepiece_model.pb.h>

#include "data/files/file_error.h"
#include "tokenizers/added_tokens.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// Far above any published model's; it bounds libsentencepiece's recursion over unused pieces.
constexpr std::size_t kMaxPieceBytes = 4096;
/// libsentencepiece looks at no more user-defined symbols than this that begin at one place.
constexpr std::size_t kMaxNestedSymbols = 64;

using Kind = SentencePieceModel::Kind;

/// Fails where more than kMaxNestedSymbols user-defined symbols are prefixes of each other.
void check_user_defined(const std::vector<SentencePieceModel::Piece>& pieces) {
  std::vector<std::string_view> symbols;
  for (const auto& piece : pieces) {
    if (piece.kind == Kind::UserDefined) symbols.push_back(piece.text);
  }
  std::sort(symbols.begin(), symbols.end());
  std::vector<std::string_view> nested;
  for (const std::string_view symbol : symbols) {
    while (!nested.empty() && !symbol.starts_with(nested.back())) nested.pop_back();
    nested.push_back(symbol);
    if (nested.size() > kMaxNestedSymbols) {
      throw std::invalid_argument(fmt::format("more than {} user-defined symbols begin alike", kMaxNestedSymbols));
    }
  }
}

SentencePieceModel read(std::string_view bytes) {
  sentencepiece::ModelProto proto;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw std::invalid_argument("it is no sentencepiece model");
  }
  const auto& trainer = proto.trainer_spec();
  const auto& normalizer = proto.normalizer_spec();
  const auto count = static_cast<std::size_t>(proto.pieces_size());
  if (count == 0 || count > kMaxVocabularySize) {
    throw std::invalid_argument(fmt::format("pieces: {}, expected 1 to {}", count, kMaxVocabularySize));
  }

  SentencePieceModel model;
  model.algorithm = static_cast<SentencePieceModel::Algorithm>(trainer.model_type());
  model.byte_fallback = trainer.byte_fallback();
  model.treat_whitespace_as_suffix = trainer.treat_whitespace_as_suffix();
  model.add_dummy_prefix = normalizer.add_dummy_prefix();
  model.remove_extra_whitespaces = normalizer.remove_extra_whitespaces();
  model.escape_whitespaces = normalizer.escape_whitespaces();
  model.charsmap_bytes = normalizer.precompiled_charsmap();
  model.pieces.reserve(count);
  for (const auto& piece : proto.pieces()) {
    const std::size_t id = model.pieces.size();
    const std::string& text = piece.piece();
    if (text.empty() || text.size() > kMaxPieceBytes || !is_valid_utf8(text) || text.find('\0') != std::string::npos) {
      throw std::invalid_argument(
          fmt::format("pieces[{}] is empty, no UTF-8, or longer than {} bytes", id, kMaxPieceBytes));
    }
    if (!std::isfinite(piece.score())) throw std::invalid_argument(fmt::format("pieces[{}].score is no number", id));
    if (piece.type() == sentencepiece::ModelProto::SentencePiece::UNKNOWN) model.unk_id = static_cast<TokenId>(id);
    model.pieces.push_back({text, piece.score(), static_cast<Kind>(piece.type())});
  }
  check_user_defined(model.pieces);
  model.charsmap = SentencePieceCharsmap(model.charsmap_bytes);
  SentencePieceCharsmap(proto.denormalizer_spec().precompiled_charsmap());
  return model;
}

}  // namespace

SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::filesystem::path& path) {
  try {
    return read(bytes);
  } catch (const std::invalid_argument& error) {
    throw FileError(path, error.what());
  }
}

}  // namespace langzoo
