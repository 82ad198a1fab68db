/// Test sets as text: lines of a few words.
#pragma once

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "data/files/files.h"

namespace langzoo {

inline constexpr std::string_view kSpaces = " \t\r\v\f";

/// The parts of `line` between any of `separators`; runs of them count as one.
inline std::vector<std::string_view> words_of(std::string_view line, std::string_view separators = kSpaces) {
  std::vector<std::string_view> words;
  for (auto at = line.find_first_not_of(separators); at != std::string_view::npos;) {
    const auto end = std::min(line.find_first_of(separators, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(separators, end);
  }
  return words;
}

/// Calls read(line) for every line of the file. What it throws as std::runtime_error becomes a FileError that names
/// the line.
template <class Read>
void for_each_line(const std::filesystem::path& path, const Read& read) {
  const MappedFile file(path);
  auto rest = file.text();
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    try {
      read(rest.substr(0, end));
    } catch (const std::runtime_error& error) {
      throw FileError(path, fmt::format("line {}: {}", number, error.what()));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace langzoo
