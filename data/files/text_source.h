/// What `--data FILE|DIR` means: documents, read in chunks of bounded size whose seams a tokenizer does not notice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// The documents of `path`, one a file: the file itself (readable_file of a pipe or "-"), or a directory's non-empty
/// *.txt files, those of its sub-directories included (links to directories are not followed), sorted by path, byte by
/// byte. Throws FileError when the path is missing, an empty file, or holds no text.
std::vector<std::filesystem::path> find_text_files(const std::filesystem::path& path);

/// Where a text of at least 2 bytes may be cut in two so that encoding the parts gives the ids of the whole.
/// Returns the last such place, in bytes:
///  - before a single space, or after a single line feed, between two characters that are not white space;
///  - else before a line feed that follows a character that is not white space;
///  - else, in a text without any of these, the last character boundary (there the ids may differ).
/// The first holds for GPT-2's pattern and its descendants, for WordPiece, and for characters: no piece of theirs spans
/// such a place and none looks across it. (After a line feed in general does not do: GPT-2 splits "\n\nA" into "\n",
/// "\n", "A", but "\n\n" alone is one piece.) The second holds where punctuation does not swallow line feeds (GPT-2).
std::size_t last_safe_cut(std::string_view text);

/// A document, chunk by chunk, as it is but for a byte order mark at its beginning.
class TextReader {
 public:
  /// Where to cut a text of which more is to come, in bytes; 0: nowhere in it. Tokenizer::cut_point is meant.
  using Cut = std::function<std::size_t(std::string_view text)>;

  /// Throws FileError when the file cannot be opened.
  explicit TextReader(const std::filesystem::path& file, std::size_t max_chunk_bytes = std::size_t{1} << 20,
                      Cut cut = {});

  /// The next part of the text, at most max_chunk_bytes long and not empty, cut where `cut` says; without it, or where
  /// it knows no place, at last_safe_cut. False at the end.
  bool next(std::string& chunk);
  /// The bytes of the file that have been given out or left out.
  std::uint64_t position() const { return position_; }

 private:
  std::filesystem::path path_;
  std::ifstream in_;
  std::size_t max_chunk_bytes_;
  Cut cut_;
  std::string rest_;  ///< read but behind the last cut
  std::uint64_t position_ = 0;
};

}  // namespace langzoo
