#include "apps/cli/text_lines.h"

#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/line_batches.h"
#include "apps/cli/base/program.h"
#include "apps/training/run_tokenizer.h"
#include "data/files/config_error.h"
#include "data/files/text_lines.h"
#include "tokenizers/utf8.h"

namespace langzoo {

std::vector<std::string> lines_of_stdin() {
  std::vector<std::string> lines;
  for (LineBatches batches(""); batches.next();) {
    lines.insert(lines.end(), batches.lines().begin(), batches.lines().end());
  }
  return lines;
}

void converse(const std::string& what, const std::function<void(const std::string&)>& answer) {
  std::cerr << fmt::format("one {} a line; Ctrl-D ends\n> ", what) << std::flush;
  for (LineBatches typed(""); typed.next();) {
    for (const auto line : typed.lines()) {
      try {
        answer(std::string(line));
      } catch (const std::exception& error) {
        std::cerr << "error: " << one_line(error) << '\n';
      }
      std::cerr << "> " << std::flush;
    }
  }
  std::cerr << '\n';
}

std::vector<std::string> lines_of_file(const std::string& path) {
  std::vector<std::string> lines;
  for_each_line(path, [&](std::string_view line) { lines.emplace_back(line); });
  if (lines.empty()) throw FileError(path, "is empty");
  return lines;
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
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

ReplacedTexts::ReplacedTexts(const Tokenizer& tokenizer) : keeps_bytes_(keeps_bytes(tokenizer)) {}

ReplacedTexts::~ReplacedTexts() {
  if (count_ == 0) return;
  std::cerr << fmt::format("warning: {}: is not UTF-8, so that U+FFFD is read there ({} of the texts in all)\n", first_,
                           count_);
}

void ReplacedTexts::see(const std::string& where, std::string_view text) {
  if (!keeps_bytes_ && !is_valid_utf8(text) && count_++ == 0) first_ = where;
}

}  // namespace langzoo
