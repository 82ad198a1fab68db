/// Which words occur near which, how often: counted out of core, read back in blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "data/word_corpus.h"

namespace langzoo {

struct CoOccurrence {
  std::int32_t row, column;
  float count;
};

struct CoOccurrenceOptions {
  std::int64_t window = 15;
  bool distance_weighting = true;                     ///< a pair at distance d counts 1/d (GloVe); false: 1
  std::int64_t memory_bytes = std::int64_t{1} << 30;  ///< bound on the counting tables; what does not fit goes to disk
  std::uint64_t seed = 1;                             ///< of the shuffle
  bool shuffle = true;                                ///< false: sorted by (row, column)
  std::int64_t block_entries = 65536;
  std::size_t threads = 0;
  std::function<void(std::int64_t done, std::int64_t total)> progress;  ///< blocks of the corpus
};

/// Symmetric: (i, j) and (j, i) are both there. Sums are float64 while counting. Windows do not cross sentence ends.
class CoOccurrenceFile {
 public:
  /// Opens `path` when it is current for corpus and options, else builds it anew, with temporary files beside it that
  /// are removed whatever happens. The entries depend on neither threads nor memory_bytes. Throws FileError;
  /// std::runtime_error when no two words stand near each other.
  static CoOccurrenceFile open_or_build(const WordCorpus& corpus, std::int64_t vocabulary_size,
                                        const std::filesystem::path& path, const CoOccurrenceOptions& options = {});

  std::int64_t entries() const;
  std::int64_t blocks() const;
  double total() const;  ///< sum of all counts
  std::uint64_t fingerprint() const;
  /// Replaces `entries` by block `index`. Any thread may call it at any time. Throws std::out_of_range, FileError.
  void read_block(std::int64_t index, std::vector<CoOccurrence>& entries) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace langzoo
