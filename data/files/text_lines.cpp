#include "data/files/text_lines.h"

#include <algorithm>
#include <stdexcept>

#include "data/files/file_kind.h"

namespace langzoo {

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.substr(text.starts_with(kMark) ? kMark.size() : 0);
}

bool take_line(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

bool TextLines::next(std::string_view& line) {
  if (!take_line(rest_, line)) return false;
  ++number_;
  return true;
}

FileLines::FileLines(const std::filesystem::path& path)
    : path_(path), file_((refuse_other_kind(path), path)), lines_(file_.text()) {}

FileError FileLines::error(const std::string& what) const {
  if (number() == 0) return {path_, what};  // nothing was read
  return {path_, "line " + std::to_string(number()) + ": " + what};
}

void for_each_line(const std::filesystem::path& path, const std::function<void(std::string_view line)>& read) {
  FileLines lines(path);
  for (std::string_view line; lines.next(line);) {
    try {
      read(line);
    } catch (const std::runtime_error& error) {
      throw lines.error(error.what());
    }
  }
}

std::vector<std::string_view> words_of(std::string_view line, std::string_view separators) {
  std::vector<std::string_view> words;
  for (auto at = line.find_first_not_of(separators); at != std::string_view::npos;) {
    const auto end = std::min(line.find_first_of(separators, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(separators, end);
  }
  return words;
}

}  // namespace langzoo
