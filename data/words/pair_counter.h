/// Sums over all pairs of near words, in bounded memory: internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/words/co_occurrence.h"

namespace langzoo {

/// Counts in passes over the corpus, each for as many rows of the matrix as fit into memory, and only the triangle
/// column <= row: the matrix is symmetric, and ids are ranks, so that the rows of frequent words are short and those of
/// rare words nearly empty. In a pass every thread has rows of its own and reads the whole corpus: nothing is shared.
/// A row is an array of sums where that is smaller than the list of its pairs; else the list, summed at the end.
class PairCounter {
 public:
  /// Reads the corpus once. Throws std::invalid_argument for an id that is not below `vocabulary_size`.
  PairCounter(const WordCorpus& corpus, std::int64_t vocabulary_size, std::int64_t window, bool distance_weighting,
              std::size_t threads);

  /// For each word its pairs with any neighbour: a row of the whole matrix has no more entries.
  const std::vector<std::uint64_t>& neighbors() const { return neighbors_; }

  /// Divides the rows into passes whose tables take at most `memory_bytes`, as far as one row does.
  void plan(std::uint64_t memory_bytes);
  /// Blocks to be read in all passes.
  std::int64_t steps() const { return static_cast<std::int64_t>(passes_.size()) * corpus_.blocks(); }

  using Sink = std::function<void(std::size_t thread, std::span<const CoOccurrence> row)>;
  /// Calls `sink` from all threads with the entries of each row that has any, column <= row, in any order; and
  /// `step(done)` from the calling thread.
  void run(const Sink& sink, const std::function<void(std::int64_t done)>& step) const;

 private:
  /// begin to end - 1.
  struct Rows {
    std::size_t begin, end;
  };
  bool is_narrow() const;  ///< whether a neighbour's id and distance fit into 32 bits
  std::uint64_t row_bytes(std::size_t row) const;
  bool is_dense(std::size_t row) const;
  template <class Pair>
  class Tables;
  template <class Pair>
  void run_pass(Rows rows, const Sink& sink, const std::function<void(std::int64_t block)>& step) const;

  const WordCorpus& corpus_;
  std::size_t threads_;
  int distance_bits_;
  std::vector<std::uint64_t> neighbors_;
  std::vector<std::uint64_t> weights_;  ///< by distance, in units
  double unit_ = 1.0;
  std::vector<Rows> passes_;
};

}  // namespace langzoo
