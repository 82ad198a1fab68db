/// Sentence pairs, one after another: from files of any size, or made up as they are asked for (data/synthetic).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace langzoo {

struct SentencePair {
  std::string source, target;
  std::int64_t line = 0;  ///< of the file it comes from; of made up pairs, the number; from 1
};

class SentencePairs {
 public:
  virtual ~SentencePairs() = default;
  /// The next pair; false at the end. A file's bytes are handed on as they are, UTF-8 or not (a tokenizer decides), but
  /// for a carriage return at a line's end and a byte order mark at the beginning, which are left out. A blank line is
  /// a pair of two empty sentences. Throws FileError naming file and line for a line that is no pair, or is longer than
  /// kMaxPairLineBytes.
  virtual bool next(SentencePair& pair) = 0;
  /// For messages: the file, or the task.
  virtual std::string name() const = 0;
  /// What of the lines so far belongs to no pair, in words: "what follows a second TAB in 3 lines". Empty: nothing.
  virtual std::string left_out() const { return {}; }
};

inline constexpr std::size_t kMaxPairLineBytes = std::size_t{1} << 20;

/// Line i of one file and line i of the other. Throws FileError with both counts when one has fewer lines (a last line
/// without line feed is one), at the end of the shorter; and where the first source has a TAB, as a file of pairs does.
std::unique_ptr<SentencePairs> read_two_files(const std::filesystem::path& source, const std::filesystem::path& target);

/// "source TAB target" lines; what follows a second TAB (Tatoeba's attributions) is left_out().
std::unique_ptr<SentencePairs> read_tsv(const std::filesystem::path& path);

/// One JSON object a line: {"source": ..., "target": ...}, or with the keys in an object "translation":
/// {"translation": {"en": ..., "fr": ...}}.
std::unique_ptr<SentencePairs> read_json_lines(const std::filesystem::path& path,
                                               const std::string& source_key = "source",
                                               const std::string& target_key = "target");

/// "source_target" lines in which spaces fill up both sides, as in the book "Deep Learning from Scratch 2"; the first
/// underscore separates. The book's models read and write that padding: kept, it belongs to the sentences.
std::unique_ptr<SentencePairs> read_fixed_width(const std::filesystem::path& path, bool keep_padding);

/// By the name and the first line that is not blank, so that a pipe needs no name: JSON lines for *.jsonl; else TSV
/// where that line has a TAB, JSON lines with these keys where it is a JSON object, fixed width where it has an
/// underscore. Throws FileError for another.
std::unique_ptr<SentencePairs> open_parallel_text(const std::filesystem::path& path, bool keep_padding = false,
                                                  const std::string& source_key = "source",
                                                  const std::string& target_key = "target");

/// All that is left.
std::vector<SentencePair> read_all(SentencePairs& pairs);

}  // namespace langzoo
