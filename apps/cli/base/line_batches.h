/// Lines of a file or of stdin, many at a time: what is read once, in order, and worked on by several threads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

class LineBatches {
 public:
  /// The file `path`, or stdin where it is empty or "-". Throws FileError when it cannot be opened.
  explicit LineBatches(std::string path, std::size_t batch_bytes = std::size_t{1} << 22);
  ~LineBatches();
  LineBatches(const LineBatches&) = delete;
  LineBatches& operator=(const LineBatches&) = delete;

  /// Reads the lines of the next `batch_bytes` or so, at least one. False at the end.
  bool next();
  /// Without their ends, be those LF or CRLF, and without a byte order mark before the first; they stay until the next
  /// call of next().
  const std::vector<std::string_view>& lines() const { return lines_; }
  /// "book.txt: line 7" of lines()[i].
  std::string where(std::size_t i) const;

 private:
  std::string path_;
  std::size_t batch_bytes_;
  int fd_;
  bool at_end_ = false;
  std::string buffer_;
  std::size_t used_ = 0;  ///< of the buffer, by the lines given out
  std::vector<std::string_view> lines_;
  std::size_t lines_before_ = 0;
};

}  // namespace langzoo
