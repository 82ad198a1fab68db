/// A text as the ids of its words, sentence by sentence, on disk: built once, read in blocks by any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "data/words/vocabulary.h"

namespace langzoo {

/// Stands behind each sentence of a block.
constexpr std::int32_t kSentenceEnd = -1;

struct WordCorpusOptions {
  bool lines = true;  ///< a line feed ends a sentence; false: running text, in which line feeds are spaces
  std::int64_t max_sentence = 1000;  ///< words (in the vocabulary) after which a sentence ends in any case
  std::int64_t block_words = 2000;   ///< a block ends at the first sentence end at or beyond this many words
  std::size_t threads = 0;           ///< 0: as many as there are CPUs for the process
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< bytes; from the calling thread
};

/// Words that the vocabulary lacks are left out; sentences without any word vanish. A document's end ends a sentence.
///
/// Layout of the file, little-endian: the header (8 bytes of magic, u32 version, u32 zero, u64 each: ids, words,
/// sentences, blocks, vocabulary size, fingerprint, checksum of all before it and of the ends); the ids as int32; the
/// ends of the blocks, in ids, as u64. The fingerprint covers the documents (text_fingerprint), the vocabulary's words
/// and the options that matter to the ids.
class WordCorpus {
 public:
  /// Opens `path` when it is current for documents, vocabulary and options; otherwise, and when it is damaged, builds
  /// it anew in bounded memory and replaces it. The file does not depend on threads. Throws FileError when a document
  /// cannot be read or changes meanwhile, and when `path` is a file of another kind, which is left alone;
  /// std::runtime_error when no word of the text is in the vocabulary.
  static WordCorpus open_or_build(std::span<const std::filesystem::path> documents, const Vocabulary& vocabulary,
                                  const std::filesystem::path& path, const WordCorpusOptions& options = {});

  std::int64_t words() const;  ///< in the vocabulary, the whole text
  std::int64_t sentences() const;
  std::int64_t blocks() const;
  std::uint64_t fingerprint() const;  ///< equal fingerprints, equal ids
  bool was_built() const;             ///< by this call of open_or_build
  /// Replaces `ids` by block `index`: sentences of at least one id of the vocabulary, kSentenceEnd after each. Any
  /// thread may call it at any time; memory is one block's. Throws std::out_of_range, FileError for a file that is
  /// damaged.
  void read_block(std::int64_t index, std::vector<std::int32_t>& ids) const;

 private:
  struct State;
  explicit WordCorpus(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace langzoo
