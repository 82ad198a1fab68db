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

/// How large a batch may be; 0: no such limit.
struct BatchLimits {
  std::int64_t tokens = 0;     ///< of both sides, padding included; a pair that is longer is a batch of its own
  std::int64_t sentences = 0;  ///< pairs
};

/// Which pairs make up each batch. The pairs are put into buckets by length once; every epoch shuffles the pairs of
/// each bucket, cuts them into batches of nearly equal numbers, and shuffles the batches of all buckets. So every epoch
/// has the same number of batches and hands out every pair exactly once, and any batch of any epoch can be had
/// directly. Memory: 8 bytes a pair.
///
/// The buckets are rectangles of (source length, target length), found by cutting the rectangle of all lengths in two,
/// and the parts again, wherever that saves most padding and leaves both parts several batches.
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
  std::int64_t num_batches_ = 0;
  std::vector<Bucket> buckets_;
  std::vector<std::int64_t> pairs_;  ///< bucket by bucket
};

}  // namespace langzoo
