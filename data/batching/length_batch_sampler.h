/// Batches of sentence pairs of similar lengths, in an order that (seed, epoch) decides.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/batching/batch_iterator.h"

namespace langzoo {

/// How long the two sides of a pair are in a batch, in tokens.
struct PairLength {
  std::int64_t source = 0, target = 0;
  auto operator<=>(const PairLength&) const = default;
};

/// How large a batch may be; 0: no such limit. A pair that has more tokens is a batch of its own.
struct BatchLimits {
  std::int64_t tokens = 0;         ///< of both sides, padding included
  std::int64_t sentences = 0;      ///< pairs
  std::int64_t source_tokens = 0;  ///< padding included
  std::int64_t target_tokens = 0;  ///< padding left out
};

/// Limits by which batches of these pairs have about `target_tokens` target tokens, padding left out, and never more
/// unless a single pair has. Sources are bounded by twice what the pairs have on average for so many targets: a few
/// long sources among short ones make smaller batches, not larger tensors. Throws std::invalid_argument for no pairs
/// and for target_tokens below 1.
BatchLimits limits_by_target_tokens(std::span<const PairLength> lengths, std::int64_t target_tokens);

/// Which pairs make up each batch. The pairs are put into buckets by length once; every epoch shuffles the pairs of
/// each bucket, cuts them into batches of nearly equal numbers, and shuffles the batches of all buckets. So every epoch
/// has the same number of batches and hands out every pair exactly once, and any batch of any epoch can be had
/// directly. Memory: 8 bytes a pair.
///
/// The buckets are rectangles of (source length, target length), found by cutting the rectangle of all lengths in two,
/// and the parts again, wherever that saves most padding and leaves both parts several batches.
///
/// Where target tokens are limited, the pairs of a bucket are not cut but dealt out in the order of their target
/// lengths, round after round of one to each batch, every round shuffled by itself: the batches of a bucket differ by
/// less than its longest target, so that all have nearly as many target tokens as they may.
class LengthBatchSampler {
 public:
  /// Throws std::invalid_argument for no pairs, a negative length or limit, or no limit.
  LengthBatchSampler(std::span<const PairLength> lengths, BatchLimits limits, std::uint64_t seed);

  std::int64_t batches_per_epoch() const { return num_batches_; }
  /// The pairs of one batch. Throws std::out_of_range outside [0, batches_per_epoch()).
  std::vector<std::int64_t> examples(const DataPosition& at) const;

 private:
  struct Bucket {
    std::int64_t begin, end;      ///< in pairs_
    std::int64_t batches;         ///< of each epoch
    std::int64_t batches_before;  ///< of the buckets before this one
  };

  std::uint64_t seed_;
  bool dealt_;
  std::int64_t num_batches_ = 0;
  std::vector<Bucket> buckets_;
  std::vector<std::int64_t> pairs_;  ///< bucket by bucket
};

/// Every pair once, the longest first (a batch that does not fit into memory is the first), pairs of equal lengths in
/// the order they stand in: the pairs of each batch.
std::vector<std::vector<std::int64_t>> batches_by_length(std::span<const PairLength> lengths, BatchLimits limits);

}  // namespace langzoo
