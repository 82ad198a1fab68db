#include "tokenizers/trainers/text_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "data/files/file_error.h"
#include "data/files/text_lines.h"
#include "tokenizers/pipeline.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// Where to cut a text of which more is to come.
std::size_t cut_point(std::string_view text) {
  for (std::size_t at = text.size() - 1; at > 0; --at) {
    if (is_border(text, at)) return at;
  }
  return std::max<std::size_t>(complete_utf8_length(text), 1);
}

class LineReader {
 public:
  LineReader(std::vector<std::filesystem::path> files, std::size_t max_bytes)
      : files_(std::move(files)), max_bytes_(max_bytes) {
    if (max_bytes < 4) throw std::invalid_argument("max_bytes must be at least 4 (one character)");
  }

  bool next(std::string& line) {
    while (true) {
      const std::size_t size = line_size();
      if (size == 0 && read()) continue;
      line.assign(buffer_, begin_, size > 0 ? size : std::string::npos);  // a file's last line may lack its end
      begin_ += line.size();
      if (!line.empty()) return true;
      if (!open()) return false;
    }
  }

 private:
  /// The bytes of the next line or part of one; 0 where more has to be read first.
  std::size_t line_size() const {
    const std::string_view rest = std::string_view(buffer_).substr(begin_);
    const std::size_t end = rest.substr(0, max_bytes_).find('\n');
    if (end != std::string_view::npos) return end + 1;
    return rest.size() < max_bytes_ ? 0 : cut_point(rest.substr(0, max_bytes_));
  }

  bool open() {
    if (file_ == files_.size()) return false;
    in_ = std::ifstream();
    errno = 0;
    in_.open(files_[file_], std::ios::binary);
    if (!in_) throw FileError(files_[file_], std::strerror(errno));
    ++file_;
    at_begin_ = true;
    return true;
  }

  /// Whether the file had more.
  bool read() {
    if (!in_.is_open()) return false;
    buffer_.erase(0, begin_);
    begin_ = 0;
    const std::size_t had = buffer_.size();
    buffer_.resize(had + max_bytes_);
    errno = 0;
    in_.read(buffer_.data() + had, static_cast<std::streamsize>(max_bytes_));
    if (in_.bad()) throw FileError(files_[file_ - 1], std::string("cannot be read: ") + std::strerror(errno));
    buffer_.resize(had + static_cast<std::size_t>(in_.gcount()));
    // A file is opened when all before is given out, and max_bytes holds the mark.
    if (std::exchange(at_begin_, false)) begin_ = buffer_.size() - without_byte_order_mark(buffer_).size();
    return in_.gcount() > 0;
  }

  std::vector<std::filesystem::path> files_;
  std::size_t max_bytes_;
  std::size_t file_ = 0;  // the next to open
  std::ifstream in_;
  bool at_begin_ = false;  // of the file
  std::string buffer_;
  std::size_t begin_ = 0;  // what stands before it has been given out
};

}  // namespace

TextSource lines_of(std::vector<std::filesystem::path> files, std::size_t max_bytes) {
  const auto reader = std::make_shared<LineReader>(std::move(files), max_bytes);
  return [reader](std::string& line) { return reader->next(line); };
}

}  // namespace langzoo
