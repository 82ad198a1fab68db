/// What trainers read: texts, one after the other, of any number and size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace langzoo {

/// Puts the next text into its argument and returns true, or returns false at the end. Called by one thread at a time.
/// A text larger than memory may come in parts, cut at borders (is_border in pipeline.h).
using TextSource = std::function<bool(std::string& text)>;

/// The lines of all `files` in order, each a text with its line end, as Python's `tokenizers` trains from files, but
/// without a byte order mark at a file's beginning. A line of more than `max_bytes` comes in parts of at most that
/// size, cut at borders; where a part has none, between two characters, and there words may come out differently.
/// Throws FileError, also while it is read.
TextSource lines_of(std::vector<std::filesystem::path> files, std::size_t max_bytes = std::size_t{1} << 20);

/// How far a trainer is.
struct TokenizerTrainingProgress {
  std::uint64_t bytes_read = 0;
  std::size_t tokens = 0;  // of the vocabulary at the moment; 0 while texts are being read
};
/// Called now and then, by one thread at a time.
using ProgressCallback = std::function<void(const TokenizerTrainingProgress&)>;

}  // namespace langzoo
