#include "data/files/text_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "data/files/file_kind.h"
#include "data/files/files.h"
#include "data/files/text_lines.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// Whether a white-space character of Unicode stands at `at`; no answer where the text ends inside a character.
std::optional<bool> is_space(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return lead <= 0x20;  // other control characters count as space: no cut beside them
  if (lead != 0xc2 && lead != 0xe1 && lead != 0xe2 && lead != 0xe3) return false;
  if (at + (lead == 0xc2 ? 1 : 2) >= text.size()) return std::nullopt;
  switch (lead) {
    case 0xc2:
      return byte(at + 1) == 0x85 || byte(at + 1) == 0xa0;
    case 0xe1:  // U+1680, U+180E
      return (byte(at + 1) == 0x9a && byte(at + 2) == 0x80) || (byte(at + 1) == 0xa0 && byte(at + 2) == 0x8e);
    case 0xe2:  // U+2000-200A, U+2028, U+2029, U+202F, U+205F
      return (byte(at + 1) == 0x80 && (byte(at + 2) <= 0x8a || (byte(at + 2) >= 0xa8 && byte(at + 2) <= 0xaf))) ||
             (byte(at + 1) == 0x81 && byte(at + 2) == 0x9f);
    default:  // U+3000
      return byte(at + 1) == 0x80 && byte(at + 2) == 0x80;
  }
}

/// Whether the character that ends before `end` is known not to be white space.
bool solid_before(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && end - at < 3 && is_continuation(text[at])) --at;
  return is_space(text.substr(0, end), at) == false;
}

bool solid_at(std::string_view text, std::size_t at) {
  return at < text.size() && is_space(text, at) == false;
}

}  // namespace

std::vector<fs::path> find_text_files(const fs::path& path) {
  const auto is_empty = [](const fs::path& file, const fs::path& name) {
    std::error_code why;
    const auto size = fs::file_size(file, why);
    if (why) throw FileError(name, why.message());
    return size == 0;
  };
  const fs::path source = readable_file(path);
  std::error_code error;
  const fs::file_status status = fs::status(source, error);
  if (!fs::exists(status)) throw FileError(path, error ? error.message() : "No such file or directory");
  if (!fs::is_directory(status)) {
    if (is_empty(source, path)) throw FileError(path, "is empty, expected text");
    refuse_other_kind(path);
    return {source};
  }
  std::vector<fs::path> files;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file() && entry.path().extension() == ".txt" && !is_empty(entry.path(), entry.path())) {
        files.push_back(entry.path());
      }
    }
  } catch (const fs::filesystem_error& failure) {
    throw FileError(failure.path1().empty() ? path : failure.path1(), failure.code().message());
  }
  if (files.empty()) throw FileError(path, "holds no text: expected non-empty files named *.txt");
  for (const auto& file : files) refuse_other_kind(file);
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  return files;
}

std::size_t last_safe_cut(std::string_view text) {
  if (text.size() < 2) throw std::invalid_argument("a text of fewer than 2 bytes cannot be cut");
  std::size_t line_feed = 0;
  for (std::size_t at = text.size(); at-- > 1;) {
    if ((text[at] != ' ' && text[at] != '\n') || !solid_before(text, at)) continue;
    if (solid_at(text, at + 1)) return text[at] == ' ' ? at : at + 1;
    if (text[at] == '\n' && line_feed == 0) line_feed = at;
  }
  if (line_feed > 0) return line_feed;
  std::size_t at = text.size() - 1;
  while (at > 1 && text.size() - at < 4 && is_continuation(text[at])) --at;
  return at;
}

TextReader::TextReader(const fs::path& file, std::size_t max_chunk_bytes, Cut cut)
    : path_(file), max_chunk_bytes_(max_chunk_bytes), cut_(std::move(cut)) {
  if (max_chunk_bytes < 4) throw std::invalid_argument("max_chunk_bytes must be at least 4 (one character)");
  errno = 0;
  in_.open(readable_file(file), std::ios::binary);
  if (!in_) throw FileError(file, std::strerror(errno));
}

bool TextReader::next(std::string& chunk) {
  chunk.swap(rest_);
  rest_.clear();
  const std::size_t had = chunk.size();
  chunk.resize(max_chunk_bytes_);
  errno = 0;
  in_.read(chunk.data() + had, static_cast<std::streamsize>(max_chunk_bytes_ - had));
  if (in_.bad()) throw FileError(path_, std::string("cannot be read: ") + std::strerror(errno));
  chunk.resize(had + static_cast<std::size_t>(in_.gcount()));
  if (chunk.size() == max_chunk_bytes_) {
    std::size_t cut = cut_ ? cut_(chunk) : 0;
    if (cut == 0 || cut >= chunk.size()) cut = last_safe_cut(chunk);
    rest_.assign(chunk, cut);
    chunk.resize(cut);
  }
  const bool at_begin = position_ == 0;
  position_ += chunk.size();
  if (!at_begin) return !chunk.empty();
  chunk.erase(0, chunk.size() - without_byte_order_mark(chunk).size());
  return !chunk.empty() || (position_ > 0 && next(chunk));
}

}  // namespace langzoo
