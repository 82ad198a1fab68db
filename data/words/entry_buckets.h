/// Entries of a matrix put in order on disk: internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <vector>

#include "data/files/mapped_file.h"
#include "data/words/co_occurrence.h"

namespace langzoo {

/// A total order of the positions of a matrix, cut into buckets of about equal size.
class EntryOrder {
 public:
  /// A pseudo-random order decided by `seed`, the same for any number of buckets.
  static EntryOrder shuffled(std::uint64_t seed, std::size_t buckets);
  /// By row, then column; buckets of whole rows with about `row_entries` entries each.
  static EntryOrder sorted(std::span<const std::uint64_t> row_entries, std::size_t buckets);

  std::size_t buckets() const { return buckets_; }
  std::size_t bucket(const CoOccurrence& entry) const;
  /// Orders the entries of one bucket. `scratch` is overwritten.
  void sort(std::size_t bucket, std::vector<CoOccurrence>& entries, std::vector<CoOccurrence>& scratch) const;

 private:
  EntryOrder() = default;
  std::uint64_t key(const CoOccurrence& entry) const;

  bool shuffled_ = false;
  std::uint64_t seed_ = 0;
  std::size_t buckets_ = 1;
  std::vector<std::uint32_t> bucket_of_row_;
  std::vector<std::size_t> first_row_;  ///< of each bucket, and behind the last
};

/// Entries on their way into buckets, on disk but for the last few of each thread and bucket.
class EntryBuckets {
 public:
  EntryBuckets(const std::filesystem::path& beside, EntryOrder order, std::size_t threads, std::uint64_t buffer_bytes);

  /// Any thread below `threads`, one at a time each.
  void add(std::size_t thread, const CoOccurrence& entry);
  std::uint64_t entries() const;  ///< added so far, by all threads
  /// Replaces `entries` by those of the bucket in their order. Any thread, once nobody adds any more.
  void read(std::size_t bucket, std::vector<CoOccurrence>& entries, std::vector<CoOccurrence>& scratch) const;
  const EntryOrder& order() const { return order_; }

 private:
  struct Piece {
    std::uint64_t offset;
    std::size_t entries;
  };
  std::vector<CoOccurrence>& buffer(std::size_t thread, std::size_t bucket) {
    return buffers_[thread * order_.buckets() + bucket];
  }

  EntryOrder order_;
  TemporaryFile file_;
  std::size_t threads_, buffer_entries_;
  std::vector<std::vector<CoOccurrence>> buffers_;
  std::mutex mutex_;
  std::vector<std::vector<Piece>> pieces_;  ///< of each bucket
  std::uint64_t end_ = 0;
};

}  // namespace langzoo
