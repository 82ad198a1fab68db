/// Vector files of other programs, in and out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "models/word_vectors/word_vectors.h"

namespace langzoo {

enum class VectorFormat {
  kText,    ///< word2vec's text, fastText's .vec: "V C" in the first line, then "word x x x"
  kBinary,  ///< word2vec's -binary 1: the same first line, then "word ", C little-endian float32, line feed
  kGlove,   ///< GloVe's text: no first line
};

struct ReadVectorsOptions {
  std::int64_t max_words = 0;  ///< only the first ones; 0: all
};

/// Rows of a file that are not in its table.
struct LeftOutRows {
  std::int64_t without_word = 0;
  std::int64_t repeated = 0;  ///< of a word given twice the first vector counts

  /// "1 row without a word", ...; nothing where all are there.
  std::vector<std::string> in_words() const;
};

/// Reads any of the formats; which one is decided by the content. A word of text may have blanks in it. Reads files
/// larger than memory would hold as text with bounded overhead. Throws FileError naming the file, line or word, and
/// what is wrong: fewer or more words than the first line says, a wrong number of values, a value that is no number,
/// not finite or too large (too small ones are 0), an end in the middle, no row with a word. A byte order mark is
/// skipped, and so are blanks before a line and lines without anything else.
WordVectors read_word_vectors(const std::filesystem::path& path, const ReadVectorsOptions& options = {},
                              LeftOutRows* left_out = nullptr);

/// Written atomically. Text has the shortest digits that read back to the same float. Rows whose words the format
/// cannot hold are left out: an empty word, white space, but for single spaces in GloVe's text (glove.840B has such);
/// returns how many. Throws FileError, also where none would be left.
std::int64_t write_word_vectors(const std::filesystem::path& path, const WordVectors& vectors, VectorFormat format);

}  // namespace langzoo
