#include "apps/cli/metrics/input.h"

#include <charconv>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/cli/base/line_batches.h"
#include "data/files/files.h"
#include "data/metrics/python_text.h"
#include "tokenizers/utf8.h"

namespace langzoo {

LineFile read_lines(const std::string& path) {
  const bool from_stdin = path.empty() || path == "-";
  LineFile file{from_stdin ? "stdin" : path, {}};
  LineBatches batches(from_stdin ? "" : path);
  while (batches.next()) {
    for (const auto line : batches.lines()) {
      if (!is_valid_utf8(line)) throw FileError(file.name, fmt::format("line {} is not UTF-8", file.lines.size() + 1));
      file.lines.emplace_back(python_rstrip(line));
    }
  }
  return file;
}

std::vector<double> read_numbers(const LineFile& file) {
  std::vector<double> numbers;
  for (const auto& line : file.lines) {
    const auto text = python_strip(line);
    double number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || stop != text.data() + text.size()) {
      throw FileError(file.name, fmt::format("line {} is not a number", numbers.size() + 1));
    }
    numbers.push_back(number);
  }
  return numbers;
}

void check_line_counts(const LineFile& a, const LineFile& b) {
  const auto count = [](std::size_t n) { return n == 1 ? "1 line" : fmt::format("{} lines", n); };
  if (a.lines.size() != b.lines.size()) {
    throw std::runtime_error(
        fmt::format("{} has {}, {} has {}", a.name, count(a.lines.size()), b.name, count(b.lines.size())));
  }
  if (a.lines.empty()) throw std::runtime_error(fmt::format("{} and {} have no lines", a.name, b.name));
}

}  // namespace langzoo
