#include "apps/cli/text_lines.h"

#include <sstream>

#include <fmt/format.h>

#include "apps/cli/base/program.h"
#include "data/files/config_error.h"
#include "data/files/files.h"

namespace langzoo {

bool next_line(std::istream& in, std::string& line) {
  if (!std::getline(in, line)) return false;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

std::vector<std::string> lines_of(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; next_line(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> lines_of_file(const std::string& path) {
  std::istringstream text(read_file(path));
  auto lines = lines_of(text);
  if (lines.empty()) throw FileError(path, "is empty");
  return lines;
}

Where lines_in(const std::string& file) {
  return [file](std::size_t i) { return fmt::format("{}: line {}", file, i + 1); };
}

void encode_from(const std::string& where, const std::function<void()>& encode) {
  try {
    encode();
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", where, error.what()));
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}: {}", where, error.what()));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", where, one_line(error)));
  }
}

}  // namespace langzoo
