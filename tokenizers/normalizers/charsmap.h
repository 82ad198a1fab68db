/// SentencePiece's precompiled_charsmap: a double-array trie (Darts) from byte strings to their replacements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// Any bytes of the right form are safe to search, whatever they say.
class Charsmap {
 public:
  /// Throws std::invalid_argument where `bytes` are not a trie, its size in front, and UTF-8 behind.
  explicit Charsmap(std::string_view bytes);

  /// The replacement of the shortest key that `text` begins with.
  std::optional<std::string_view> find(std::string_view text) const;

  /// Calls visit(size of the key, replacement) for every key that begins with `first`. False where it gave up, for
  /// there are more than a sound table has.
  using Visit = std::function<void(std::size_t, std::string_view)>;
  bool for_each_key(unsigned char first, const Visit& visit) const;

 private:
  /// The unit that `byte` leads to from one whose children are at `base`.
  std::optional<std::uint32_t> child(std::size_t base, unsigned char byte) const;
  std::optional<std::string_view> replacement(std::size_t base, std::uint32_t unit) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;  // each ended by a NUL
};

}  // namespace langzoo
