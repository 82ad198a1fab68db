/// The words of an n-gram model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

inline constexpr std::string_view kUnknownText = "<unk>", kSentenceStartText = "<s>", kSentenceEndText = "</s>";

/// Words and their ids, which are given in order: 0 is "<unk>", 1 is "</s>". "<s>" is no word: it is never predicted.
class NGramVocabulary {
 public:
  static constexpr std::int32_t kUnknown = 0, kSentenceEnd = 1;

  NGramVocabulary();

  std::size_t size() const { return begins_.size() - 1; }
  std::string_view word(std::int32_t id) const;
  /// -1 where there is no such word.
  std::int32_t find(std::string_view word) const;
  /// The word's id, a new one where it has none. Throws std::length_error beyond 2^31 - 3 words.
  std::int32_t add(std::string_view word);
  /// Bytes that it takes.
  std::size_t memory() const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t id = -1;  ///< -1: empty
  };
  void grow();
  /// The word's slot, or the empty one where it would be.
  std::size_t slot_of(std::string_view word, std::uint32_t hash) const;

  std::string text_;                   ///< the words, one after the other
  std::vector<std::uint64_t> begins_;  ///< of each, and where the last one ends
  std::vector<Slot> slots_;            ///< open addressing; a power of two, at most half of them full
};

}  // namespace langzoo
