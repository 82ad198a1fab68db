#include "tokenizers/models/token_model.h"

#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tokenizers/models/bpe.h"
#include "tokenizers/models/unigram.h"
#include "tokenizers/models/vocabulary.h"
#include "tokenizers/models/word_level.h"
#include "tokenizers/models/wordpiece.h"

namespace langzoo {

namespace {

std::shared_ptr<const TokenizerModel> read_word_level(const JsonField& field) {
  field.only({"type", "vocab", "unk_token"});
  return std::make_shared<WordLevel>(WordLevelOptions{read_vocab(field.at("vocab")), field.at("unk_token").string()});
}

std::shared_ptr<const TokenizerModel> read_wordpiece(const JsonField& field) {
  field.only({"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  const std::size_t max_characters =
      field.at("max_input_chars_per_word").integer(0, std::numeric_limits<std::size_t>::max());
  return std::make_shared<WordPiece>(WordPieceOptions{read_vocab(field.at("vocab")), field.at("unk_token").string(),
                                                      field.at("continuing_subword_prefix").string(), max_characters});
}

std::optional<JsonField> not_null(const JsonField& field, const char* key) {
  if (!field.has(key) || field.at(key).is_null()) return {};
  return field.at(key);
}

std::shared_ptr<const TokenizerModel> read_bpe(const JsonField& field) {
  field.only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
              "byte_fallback", "ignore_merges", "vocab", "merges"});
  BpeOptions options;
  if (const auto dropout = not_null(field, "dropout"); dropout && dropout->number() != 0) {
    dropout->fail(JsonField::shown(dropout->value()) +
                  " is not supported, every encoding would be another one: set it to null and ask for random "
                  "segmentations where they are wanted");
  }
  if (const auto unk = not_null(field, "unk_token")) options.unk_token = unk->string();
  if (const auto prefix = not_null(field, "continuing_subword_prefix")) {
    options.continuing_subword_prefix = prefix->string();
  }
  if (const auto suffix = not_null(field, "end_of_word_suffix")) options.end_of_word_suffix = suffix->string();
  if (const auto fuse = not_null(field, "fuse_unk")) options.fuse_unk = fuse->boolean();
  if (const auto fallback = not_null(field, "byte_fallback")) options.byte_fallback = fallback->boolean();
  if (const auto ignore = not_null(field, "ignore_merges")) options.ignore_merges = ignore->boolean();
  options.tokens = read_vocab(field.at("vocab"));
  options.merges = read_merges(field.at("merges"), index_tokens(options.tokens), options.continuing_subword_prefix);
  return std::make_shared<Bpe>(std::move(options));
}

std::shared_ptr<const TokenizerModel> read_unigram(const JsonField& field) {
  field.only({"type", "unk_id", "vocab", "byte_fallback"});
  UnigramOptions options;
  if (const auto unk = not_null(field, "unk_id")) options.unk_id = unk->id();
  if (field.has("byte_fallback")) options.byte_fallback = field.at("byte_fallback").boolean();
  const JsonField vocab = field.at("vocab");
  for (const nlohmann::json& value : vocab.array()) {
    const JsonField piece = vocab.item(value, options.pieces.size());
    if (!value.is_array() || value.size() != 2) piece.fail("is not a pair of a piece and its score");
    options.pieces.emplace_back(piece.item(value[0], 0).string(), piece.item(value[1], 1).number());
  }
  return std::make_shared<Unigram>(std::move(options));
}

/// Files of before `type` are told by their fields, in the reference's order.
std::string type_of(const JsonField& field) {
  field.object();
  if (field.has("type")) return field.type();
  if (field.has("merges")) return "BPE";
  if (field.has("continuing_subword_prefix") && field.has("max_input_chars_per_word")) return "WordPiece";
  if (field.has("unk_token")) return "WordLevel";
  return "Unigram";
}

}  // namespace

std::shared_ptr<const TokenizerModel> read_token_model(const JsonField& field) {
  const std::string type = type_of(field);
  try {
    if (type == "WordLevel") return read_word_level(field);
    if (type == "WordPiece") return read_wordpiece(field);
    if (type == "BPE") return read_bpe(field);
    if (type == "Unigram") return read_unigram(field);
  } catch (const std::invalid_argument& error) {
    field.fail(error.what());
  }
  field.at("type").fail(fmt::format("{} is not supported", type));
}

}  // namespace langzoo
