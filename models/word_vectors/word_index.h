/// Where each word of a list stands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// A hash table of row numbers; the words themselves stay in the list, which every call is given.
class WordIndex {
 public:
  /// The row of `word`, or -1.
  std::int64_t find(const std::vector<std::string>& words, std::string_view word) const;
  /// Adds the row of words.back(); false, and nothing added, where the word has a row already.
  bool add_last(const std::vector<std::string>& words);
  /// Adds all; the row of the first word that is there twice, or -1.
  std::int64_t add_all(const std::vector<std::string>& words);

 private:
  std::size_t slot_of(const std::vector<std::string>& words, std::string_view word) const;
  void grow(const std::vector<std::string>& words, std::size_t count);
  bool add(const std::vector<std::string>& words, std::size_t row);

  std::vector<std::int64_t> slots_;  ///< open addressing, at most half full; a power of two; -1: empty
  std::size_t used_ = 0;
};

}  // namespace langzoo
