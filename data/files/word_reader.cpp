#include "data/files/word_reader.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "data/files/text_lines.h"

namespace langzoo {

namespace {

constexpr bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

WordReader::WordReader(const std::filesystem::path& path)
    : file_((refuse_other_kind(path), readable_file(path))), path_(path), buffer_(4 * kMaxWord) {
  at_ = end_ = buffer_.data();
  refill();
  const std::string_view text(at_, static_cast<std::size_t>(end_ - at_));
  at_ += text.size() - without_byte_order_mark(text).size();
}

/// Keeps what is not read yet. False where the file has no more.
bool WordReader::refill() {
  const auto kept = static_cast<std::size_t>(end_ - at_);
  std::memmove(buffer_.data(), at_, kept);
  const auto more = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size() - kept, file_.size() - offset_));
  file_.read(offset_, std::as_writable_bytes(std::span(buffer_.data() + kept, more)));
  offset_ += more;
  at_ = buffer_.data();
  end_ = at_ + kept + more;
  return more > 0;
}

WordReader::Item WordReader::next(std::string_view& word) {
  if (line_is_over_) {
    line_is_over_ = false;
    line_is_empty_ = true;
    ++line_;
  }
  for (;;) {
    if (at_ == end_ && !refill()) {
      if (line_is_empty_) return Item::kEnd;
      line_is_over_ = true;
      return Item::kLineEnd;
    }
    if (*at_ == '\n') {
      ++at_;
      line_is_over_ = true;
      return Item::kLineEnd;
    }
    line_is_empty_ = false;
    if (!is_blank(*at_)) break;
    ++at_;
  }
  std::size_t length = 1;
  for (;; ++length) {
    if (at_ + length == end_ && !refill()) break;
    if (is_blank(at_[length])) break;
    if (length == kMaxWord) throw error("a word of more than " + std::to_string(kMaxWord) + " bytes");
  }
  word = {at_, length};
  at_ += length;
  return Item::kWord;
}

FileError WordReader::error(const std::string& what) const {
  return {path_, "line " + std::to_string(line_) + ": " + what};
}

}  // namespace langzoo
