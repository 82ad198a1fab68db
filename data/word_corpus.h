/// A text as the ids of its words, sentence by sentence, on disk: built once, read in blocks by any number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "data/vocabulary.h"

namespace langzoo {

/// Stands behind each sentence of a block.
constexpr std::int32_t kSentenceEnd = -1;

struct WordCorpusOptions {
  bool lines = true;  ///< a line feed ends a sentence; false: running text, in which line feeds are spaces
  std::int64_t max_sentence = 1000;  ///< words (in the vocabulary) after which a sentence ends in any case
  std::int64_t block_words = 2000;   ///< a block ends at the first sentence end at or beyond this many words
  std::size_t threads = 0;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< bytes; from the calling thread
};

/// Words that the vocabulary lacks are left out; sentences without any word vanish. A document's end ends a sentence.
/// Layout of the file: header with magic, version, fingerprints and a checksum; ids as int32; the offsets of blocks.
class WordCorpus {
 public:
  /// Opens `path` when it is current for documents, vocabulary and options (as TokenFile decides it), else builds it
  /// anew in bounded memory. Throws FileError; std::runtime_error when no word of the text is in the vocabulary.
  static WordCorpus open_or_build(std::span<const std::filesystem::path> documents, const Vocabulary& vocabulary,
                                  const std::filesystem::path& path, const WordCorpusOptions& options = {});

  std::int64_t words() const;  ///< in the vocabulary, the whole text
  std::int64_t sentences() const;
  std::int64_t blocks() const;
  std::uint64_t fingerprint() const;  ///< equal fingerprints, equal ids
  /// Replaces `ids` by block `index`: ids >= 0, kSentenceEnd after each sentence. Any thread may call it at any time;
  /// memory is one block's. Throws std::out_of_range, FileError for a file that is damaged (an id outside the
  /// vocabulary).
  void read_block(std::int64_t index, std::vector<std::int32_t>& ids) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace langzoo
