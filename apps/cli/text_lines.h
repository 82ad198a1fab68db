/// Texts given one a line, and errors that say which line.
#pragma once

#include <cstddef>
#include <functional>
#include <istream>
#include <string>
#include <vector>

namespace langzoo {

/// The next line without its end, be that LF or CRLF; false at the end of `in`.
bool next_line(std::istream& in, std::string& line);

std::vector<std::string> lines_of(std::istream& in);

/// Throws FileError for an empty file.
std::vector<std::string> lines_of_file(const std::string& path);

/// Where a text comes from, by its number.
using Where = std::function<std::string(std::size_t)>;
Where lines_in(const std::string& file);

/// Runs `encode`; what is wrong with the text is told with `where` it stands in front.
void encode_from(const std::string& where, const std::function<void()>& encode);

}  // namespace langzoo
