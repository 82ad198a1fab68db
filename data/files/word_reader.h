/// The words of a text, one after the other, whatever the length of the text or of its lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_error.h"
#include "data/files/mapped_file.h"

namespace langzoo {

/// Words are what stands between blanks, as written. Blanks are space, tab, line feed, carriage return, vertical tab
/// and form feed. A line ends in a line feed; what stands behind the last one is a line unless it is empty. A byte
/// order mark at the beginning belongs to no word.
class WordReader {
 public:
  enum class Item { kWord, kLineEnd, kEnd };

  /// Throws FileError where the file cannot be read, or is no text (file_kind.h).
  explicit WordReader(const std::filesystem::path& path);

  /// The next word, which is valid until the next call, or the end of a line, or of the text. Throws FileError naming
  /// the line for a word of more than kMaxWord bytes.
  Item next(std::string_view& word);
  std::size_t line() const { return line_; }  ///< of the last item, from 1
  /// Says what is wrong with that line.
  FileError error(const std::string& what) const;

  static constexpr std::size_t kMaxWord = std::size_t{1} << 16;

 private:
  bool refill();

  RandomAccessFile file_;
  std::filesystem::path path_;
  std::vector<char> buffer_;
  const char* at_;
  const char* end_;
  std::uint64_t offset_ = 0;  ///< of the file's bytes behind the buffer
  std::size_t line_ = 1;
  bool line_is_over_ = false, line_is_empty_ = true;
};

}  // namespace langzoo
