/// The precompiled map of characters (nmt_nfkc and the like) as libsentencepiece reads it: the longest key counts. The
/// Precompiled normalizer of tokenizer.json reads it otherwise (normalizers/charsmap.h). Internal to SentencePiece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

class SentencePieceCharsmap {
 public:
  /// The bounds that libsentencepiece relies on without checking are checked here. `bytes` empty maps nothing. Throws
  /// std::invalid_argument saying what is wrong with them.
  explicit SentencePieceCharsmap(std::string_view bytes = {});

  struct Match {
    std::size_t length = 0;  // of the key; 0: none
    std::string_view replacement;
  };
  /// The longest key that `text` begins with.
  Match longest(std::string_view text) const;

  /// Whether some key begins with `prefix`.
  bool has_prefix(std::string_view prefix) const;
  /// Whether some key of several bytes has `byte` in it.
  bool has_inside(char byte) const { return inside_[static_cast<unsigned char>(byte)]; }

 private:
  void check();
  std::string_view replacement(std::uint32_t leaf) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;  // each ends with a zero byte
  bool inside_[256] = {};
};

}  // namespace langzoo
