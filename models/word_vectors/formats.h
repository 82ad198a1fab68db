/// Vector files of other programs, in and out.
#pragma once

#include <filesystem>
#include <string>

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

/// Reads any of the formats; which one is decided by the content. A word given twice keeps its first vector. Reads
/// files larger than memory would hold as text with bounded overhead. Throws FileError naming the file, line or word,
/// and what is wrong: fewer or more words than the first line says, a row without a word, a wrong number of values, a
/// value that is no number, not finite or too large (too small ones are 0), an end in the middle. A byte order mark is
/// skipped.
WordVectors read_word_vectors(const std::filesystem::path& path, const ReadVectorsOptions& options = {});

/// Written atomically. Text has the shortest digits that read back to the same float. Throws FileError;
/// std::invalid_argument for a word that the format cannot hold (white space in it).
void write_word_vectors(const std::filesystem::path& path, const WordVectors& vectors, VectorFormat format);

}  // namespace langzoo
