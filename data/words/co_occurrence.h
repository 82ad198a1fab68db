/// Which words occur near which, how often: counted out of core, read back in blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "data/words/word_corpus.h"

namespace langzoo {

struct CoOccurrence {
  std::int32_t row, column;
  float count;
};

struct CoOccurrenceOptions {
  std::int64_t window = 15;
  bool distance_weighting = true;  ///< a pair at distance d counts 1/d (GloVe); false: 1
  /// Of tables and buffers while building; what does not fit at once takes more passes over the corpus. At least 1 MiB
  /// and 50 bytes times words of the vocabulary times threads are used in any case.
  std::int64_t memory_bytes = std::int64_t{1} << 30;
  std::uint64_t seed = 1;              ///< of the shuffle
  bool shuffle = true;                 ///< false: sorted by (row, column)
  std::int64_t block_entries = 65536;  ///< read at a time
  std::size_t threads = 0;             ///< 0: as many as there are CPUs for the process
  /// Blocks of the corpus, over all passes; from the calling thread. An exception ends the building.
  std::function<void(std::int64_t done, std::int64_t total)> progress;
};

/// Symmetric: (i, j) and (j, i) are both there; a word near itself counts once from either side. Sums are exact
/// integers of a small unit (at most 2^-30) until they are stored as floats. Windows do not cross sentence ends.
///
/// Layout of the file, little-endian: the header (8 bytes of magic, u32 version, u32 zero, u64 each: entries,
/// vocabulary size, fingerprint, f64 total, u64 checksum of all before it); the entries: i32 row, i32 column, f32
/// count.
class CoOccurrenceFile {
 public:
  /// Opens `path` when it is current for corpus and options; otherwise, and when it is damaged, builds it anew, with a
  /// nameless temporary file of about the same size beside it. The entries depend on neither threads nor memory_bytes.
  /// Throws FileError, also when `path` is a file of another kind, which is left alone; std::runtime_error when no two
  /// words stand near each other; std::invalid_argument for options below 1 or an id not below vocabulary_size.
  static CoOccurrenceFile open_or_build(const WordCorpus& corpus, std::int64_t vocabulary_size,
                                        const std::filesystem::path& path, const CoOccurrenceOptions& options = {});

  bool was_built() const;  ///< by this call of open_or_build
  std::int64_t entries() const;
  std::int64_t blocks() const;
  double total() const;  ///< sum of all counts
  std::uint64_t fingerprint() const;
  /// Replaces `entries` by block `index`: rows and columns of the vocabulary, counts finite and positive. Any thread
  /// may call it at any time. Throws std::out_of_range, FileError for a file that is damaged.
  void read_block(std::int64_t index, std::vector<CoOccurrence>& entries) const;

 private:
  struct State;
  explicit CoOccurrenceFile(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace langzoo
