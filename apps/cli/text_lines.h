/// Texts given one a line, and errors that say which line.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace langzoo {

/// All lines that come from stdin.
std::vector<std::string> lines_of_stdin();

/// Hands the lines that a user types to `answer`, one by one until Ctrl-D, and tells of each what is wrong with it.
/// `what` is one line: "prompt".
void converse(const std::string& what, const std::function<void(const std::string& line)>& answer);

/// Those of a readable_file. Throws FileError for an empty file.
std::vector<std::string> lines_of_file(const std::string& path);

/// `text` as one line: its line ends are blanks.
std::string one_line(std::string text);

/// Where a text comes from, by its number.
using Where = std::function<std::string(std::size_t)>;
Where lines_in(const std::string& file);

/// Runs `encode`; what is wrong with the text is told with `where` it stands in front.
void encode_from(const std::string& where, const std::function<void()>& encode);

/// Warns once, at its end, of texts that were not UTF-8, where a tokenizer reads U+FFFD for what is not.
class ReplacedTexts {
 public:
  explicit ReplacedTexts(const Tokenizer& tokenizer);
  ReplacedTexts(const ReplacedTexts&) = delete;
  ReplacedTexts& operator=(const ReplacedTexts&) = delete;
  ~ReplacedTexts();

  void see(const std::string& where, std::string_view text);

 private:
  const bool keeps_bytes_;
  std::size_t count_ = 0;
  std::string first_;  ///< where it stands
};

}  // namespace langzoo
