#include "apps/cli/metrics/input.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/cli/base/line_batches.h"
#include "apps/cli/base/program.h"
#include "data/files/file_error.h"
#include "data/files/numbers.h"
#include "data/metrics/python_text.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

bool is_stdin(const std::string& path) {
  return path.empty() || path == "-";
}

}  // namespace

LineFile read_lines(const std::string& path) {
  const bool from_stdin = is_stdin(path);
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

void check_stdin_once(std::span<const std::string> hypothesis_paths, std::span<const std::string> reference_paths) {
  const auto hypotheses =
      hypothesis_paths.empty() ? 1 : std::count_if(hypothesis_paths.begin(), hypothesis_paths.end(), is_stdin);
  const auto references = std::count_if(reference_paths.begin(), reference_paths.end(), is_stdin);
  if (hypotheses + references > 1) {
    throw UsageError("--hyp and --ref: stdin can be read once, all else must be files");
  }
}

std::vector<double> read_numbers(const LineFile& file) {
  std::vector<double> numbers;
  for (const auto& line : file.lines) {
    double number = 0;
    const auto fault = read_number(python_strip(line), number);
    if (fault == NumberFault::kNoNumber || fault == NumberFault::kOutOfRange) {
      throw FileError(file.name, fmt::format("line {} is {}", numbers.size() + 1, name_of(fault)));
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
