/// What a sentencepiece .model file says: internal to the tokenizers that are made of one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/sentencepiece_charsmap.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// U+2581, which stands for a space in pieces.
inline constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";

/// The fields of sentencepiece_model.proto that decide how text becomes ids.
struct SentencePieceModel {
  enum class Algorithm { Unigram = 1, Bpe = 2, Word = 3, Char = 4 };
  enum class Kind { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };
  struct Piece {
    std::string text;
    float score;
    Kind kind;
    /// Whether it may stand for text as it is.
    bool spells() const { return kind == Kind::Normal || kind == Kind::UserDefined || kind == Kind::Unused; }
  };

  Algorithm algorithm = Algorithm::Unigram;
  std::vector<Piece> pieces;  // by id
  TokenId unk_id = 0;
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  std::string charsmap_bytes;
  SentencePieceCharsmap charsmap;
};

/// Checks all that libsentencepiece takes on trust. Throws FileError naming `path` and what is wrong.
SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::filesystem::path& path);

}  // namespace langzoo
