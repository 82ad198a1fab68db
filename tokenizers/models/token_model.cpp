#include "tokenizers/models/token_model.h"

#include <stdexcept>

#include "tokenizers/models/vocabulary.h"
#include "tokenizers/models/word_level.h"
#include "tokenizers/models/wordpiece.h"

namespace langzoo {

namespace {

std::shared_ptr<const TokenModel> read_word_level(const JsonField& field) {
  field.only({"type", "vocab", "unk_token"});
  return std::make_shared<WordLevel>(WordLevelOptions{read_vocab(field.at("vocab")), field.at("unk_token").string()});
}

std::shared_ptr<const TokenModel> read_wordpiece(const JsonField& field) {
  field.only({"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  const JsonField max_characters = field.at("max_input_chars_per_word");
  if (!max_characters.value().is_number_unsigned()) {
    max_characters.fail(
        fmt::format("is {}, expected a number of characters", JsonField::shown(max_characters.value())));
  }
  return std::make_shared<WordPiece>(WordPieceOptions{read_vocab(field.at("vocab")), field.at("unk_token").string(),
                                                      field.at("continuing_subword_prefix").string(),
                                                      max_characters.value().get<std::size_t>()});
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

std::shared_ptr<const TokenModel> read_token_model(const JsonField& field) {
  const std::string type = type_of(field);
  try {
    if (type == "WordLevel") return read_word_level(field);
    if (type == "WordPiece") return read_wordpiece(field);
  } catch (const std::invalid_argument& error) {
    field.fail(error.what());
  }
  field.at("type").fail(fmt::format("{} is not supported", type));
}

}  // namespace langzoo
