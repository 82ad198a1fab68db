/// Lines of text: one reader for all files of lines, so that a byte order mark, CRLF or a missing last line end mean
/// the same everywhere.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/mapped_file.h"

namespace langzoo {

/// `text` without the U+FEFF that an editor may have left at its beginning.
std::string_view without_byte_order_mark(std::string_view text);

/// Takes the first line off `text`, without its end: LF or CR LF. False for an empty text.
bool take_line(std::string_view& text, std::string_view& line);

/// Lines of a text that stays where it is. A byte order mark at its beginning belongs to none, nor does the line end:
/// LF or CR LF. What stands behind the last line feed is a line unless it is empty.
class TextLines {
 public:
  TextLines() = default;
  explicit TextLines(std::string_view text) : rest_(without_byte_order_mark(text)) {}

  bool next(std::string_view& line);
  std::size_t number() const { return number_; }  ///< of the last line; from 1
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

/// Those of a file.
class FileLines {
 public:
  /// Throws FileError where it cannot be read, or is no text (file_kind.h).
  explicit FileLines(const std::filesystem::path& path);

  bool next(std::string_view& line) { return lines_.next(line); }
  const std::filesystem::path& path() const { return path_; }
  std::size_t number() const { return lines_.number(); }
  /// Says what is wrong with the last line.
  FileError error(const std::string& what) const;

 private:
  std::filesystem::path path_;
  MappedFile file_;
  TextLines lines_;
};

/// Calls read(line) for every line of the file. What it throws as std::runtime_error becomes a FileError that names the
/// line.
void for_each_line(const std::filesystem::path& path, const std::function<void(std::string_view line)>& read);

inline constexpr std::string_view kSpaces = " \t\r\v\f";

/// The parts of `line` between any of `separators`; runs of them count as one.
std::vector<std::string_view> words_of(std::string_view line, std::string_view separators = kSpaces);

}  // namespace langzoo
