/// The normalization of a sentencepiece model, part by part: internal to SentencePiece.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "tokenizers/models/trie.h"
#include "tokenizers/sentencepiece_model.h"

namespace langzoo {

/// Does what libsentencepiece does to a whole text, for models that write spaces as U+2581 before words.
class SentencePieceNormalizer {
 public:
  /// `model` must outlive this.
  explicit SentencePieceNormalizer(const SentencePieceModel& model);

  /// How far a text has been normalized.
  struct Progress {
    bool at_start = true;      // nothing but spaces so far
    bool after_space = false;  // a space would be dropped
  };
  /// Appends `part` normalized, spaces as U+2581. A text may be cut before spaces that `is_space` knows.
  void normalize(std::string_view part, Progress& progress, std::string& normalized) const;
  /// Drops what sentencepiece drops at the end of a text.
  void finish(std::string& normalized) const;

  /// Whether `byte` is a character that always becomes one space, whatever is beside it.
  bool is_space(char byte) const { return spaces_[static_cast<unsigned char>(byte)]; }
  /// Whether `byte` is a printable ASCII character that stands for itself where an ASCII character or the end follows.
  bool is_plain(char byte) const { return plain_[static_cast<unsigned char>(byte)]; }

 private:
  struct Match {
    std::size_t length;
    std::string_view replacement;
  };
  Match longest(std::string_view text) const;

  const SentencePieceModel& model_;
  Trie user_defined_;
  std::array<bool, 256> plain_{};
  std::array<bool, 256> spaces_{};
};

}  // namespace langzoo
