/// A part of a text while it is normalized and cut: what it has become, and where each byte of it came from.
/// Mirrors NormalizedString of Python's `tokenizers`, whose offsets its edits reproduce.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/encoding.h"

namespace langzoo {

/// Positions are bytes of text(), on character borders; an edit elsewhere throws std::out_of_range.
class NormalizedText {
 public:
  /// `begin` is where `text`, which must be valid UTF-8, stands in the original.
  explicit NormalizedText(std::string_view text, std::size_t begin = 0);

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  /// Whether the part begins where the original does: what Metaspace's and ByteLevel's "first" asks.
  bool at_start() const { return original_.begin == 0; }

  /// The bytes of the original that this part, or its bytes [begin, end), came from.
  Offset original() const { return original_; }
  Offset original(std::size_t begin, std::size_t end) const;

  /// A character of a replacement. `change` says what it stands for: 0 one character of the old text, 1 none (it is
  /// new and takes the place of the character before it), -n one, and the n characters after that are dropped.
  struct Char {
    char32_t code_point;
    int change;
  };
  /// Replaces [begin, end) by `chars`; the first `dropped` characters of the range are dropped before.
  void transform(std::size_t begin, std::size_t end, std::span<const Char> chars, std::size_t dropped = 0);
  void transform(std::span<const Char> chars, std::size_t dropped = 0) { transform(0, text_.size(), chars, dropped); }

  /// Replaces [begin, end) by `with`; every byte of it comes from the whole of the range.
  void replace(std::size_t begin, std::size_t end, std::string_view with);
  void prepend(std::string_view prefix);  // belongs to the first character
  void append(std::string_view suffix);   // belongs to the last one

  /// The part [begin, end) of this one.
  NormalizedText slice(std::size_t begin, std::size_t end) const;

 private:
  struct Origin {  // relative to original_.begin
    std::uint32_t begin, end;
  };

  std::string text_;
  std::vector<Origin> origins_;  // by byte of text_; empty while text_ is the original itself
  Offset original_;
};

}  // namespace langzoo
