#include "apps/cli/base/line_batches.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "data/files/file_error.h"
#include "data/files/file_kind.h"
#include "data/files/text_lines.h"

namespace langzoo {

LineBatches::LineBatches(std::string path, std::size_t batch_bytes)
    : path_(std::move(path)), batch_bytes_(batch_bytes) {
  if (path_ == "-") path_.clear();
  fd_ = path_.empty() ? STDIN_FILENO : open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw FileError(path_, std::strerror(errno));
  if (path_.empty()) path_ = "stdin";
}

LineBatches::~LineBatches() {
  if (fd_ != STDIN_FILENO) close(fd_);
}

bool LineBatches::next() {
  lines_before_ += lines_.size();
  lines_.clear();
  buffer_.erase(0, used_);
  used_ = 0;
  // A line longer than a batch is read until its end comes; lines that come slowly are given out as they come.
  while (!at_end_) {
    const auto had = buffer_.size();
    buffer_.resize(had + batch_bytes_);
    const auto n = read(fd_, buffer_.data() + had, batch_bytes_);
    const int error = errno;
    buffer_.resize(had + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n < 0 && error != EINTR) throw FileError(path_, std::strerror(error));
    at_end_ = n == 0;
    if (buffer_.find('\n', had) != std::string::npos) break;
  }
  const std::string_view text = buffer_;
  if (lines_before_ == 0) {
    const auto kind = kind_of(text);  // not refuse_other_kind, which would read a pipe to its end
    if (kind != FileKind::kOther) throw FileError(path_, std::string(in_words(kind)));
    used_ = text.size() - without_byte_order_mark(text).size();
  }
  const auto end = at_end_ ? text.size() : text.rfind('\n') + 1;
  auto whole = text.substr(used_, end - used_);
  for (std::string_view line; take_line(whole, line);) lines_.push_back(line);
  used_ = end;
  return !lines_.empty();
}

std::string LineBatches::where(std::size_t i) const {
  return fmt::format("{}: line {}", path_, lines_before_ + i + 1);
}

}  // namespace langzoo
