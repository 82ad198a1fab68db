/// What the verbs read: files whose lines belong together.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

struct LineFile {
  std::string name;
  std::vector<std::string> lines;

  std::vector<std::string_view> views() const { return {lines.begin(), lines.end()}; }
};

/// The lines of `path`, or of stdin where it is empty or "-", without the white space at their ends. Only a line feed
/// ends a line. Throws FileError for what cannot be read or is not UTF-8.
LineFile read_lines(const std::string& path);

/// Throws UsageError where --hyp and --ref read stdin more than once; without a path --hyp is stdin.
void check_stdin_once(std::span<const std::string> hypothesis_paths, std::span<const std::string> reference_paths);

/// The same as numbers, one a line, white space around them: decimal, with a sign and an exponent or without, or inf or
/// nan. Throws FileError naming file and line.
std::vector<double> read_numbers(const LineFile& file);

/// Throws std::runtime_error where the files have no lines or not equally many, naming both and their counts.
void check_line_counts(const LineFile& a, const LineFile& b);

}  // namespace langzoo
