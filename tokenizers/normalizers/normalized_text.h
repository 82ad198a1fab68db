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
  /// How long the text may get: replacements out of a file must not take memory without bounds. An edit that would make
  /// it longer throws std::runtime_error.
  std::size_t max_size() const { return (std::size_t{16} << 20) + 64 * (original_.end - original_.begin); }
  /// Whether the part begins where the original does: what Metaspace's and ByteLevel's "first" asks.
  bool at_start() const { return original_.begin == 0; }

  /// The bytes of the original that this part, or its bytes [begin, end), came from; [begin, end) may cut a character. An empty range is taken for one of
  /// the original.
  Offset original() const { return original_; }
  Offset original(std::size_t begin, std::size_t end) const;

  /// A character of a replacement. `change` says what it stands for: 0 one character of the old text, 1 none (it is
  /// new and takes the place of the character before it), -n one, and the n characters after that are dropped.
  struct Char {
    char32_t code_point;
    int change;
  };
  /// Replaces [begin, end) by `chars`; the first `dropped` characters of the range are dropped before. Throws
  /// std::out_of_range where `chars` stand for more characters than there are.
  void transform(std::size_t begin, std::size_t end, std::span<const Char> chars, std::size_t dropped = 0);
  void transform(std::span<const Char> chars, std::size_t dropped = 0) { transform(0, text_.size(), chars, dropped); }

  /// Replaces every ASCII character c by map(c), an ASCII character too.
  template <class Map>
  void map_ascii(Map&& map) {
    for (char& c : text_) {
      if (static_cast<unsigned char>(c) < 0x80) c = map(c);
    }
  }

  /// Replaces the ranges, which are in order and do not overlap, by `with`. It comes from the last character of the
  /// range, or, where that is empty, from the character before it.
  void replace(std::span<const Offset> ranges, std::string_view with);
  void replace(std::size_t begin, std::size_t end, std::string_view with);
  void prepend(std::string_view prefix);  // belongs to the first character; an empty text stays empty
  void append(std::string_view suffix);   // belongs to the last one

  /// The part [begin, end) of this one.
  NormalizedText slice(std::size_t begin, std::size_t end) const;

 private:
  struct Origin {  // relative to original_.begin
    std::uint32_t begin, end;
  };
  NormalizedText() = default;

  void check(std::size_t begin, std::size_t end) const;
  void check_size(std::size_t size) const;
  /// Fills origins_ where it says by being empty that every byte is its own origin.
  void spell_out_origins();

  std::string text_;
  std::vector<Origin> origins_;  // by byte of text_; empty: every character is from the same place of the original
  Offset original_;
};

}  // namespace langzoo
