#include "data/words/entry_buckets.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "data/random/random.h"

namespace langzoo {

namespace {

constexpr std::size_t kLeastBuffer = 64, kMostBuffer = 16384;  // entries
/// Entries that are sorted at once when shuffled, on average.
constexpr std::size_t kBinEntries = 32;

std::uint64_t position(const CoOccurrence& entry) {
  return std::uint64_t{static_cast<std::uint32_t>(entry.row)} << 32 | static_cast<std::uint32_t>(entry.column);
}

/// [0, 2^64) in `parts` equal parts: which one `key` is in, and where in it as a fraction of 2^32.
struct Part {
  std::uint64_t index, fraction;
  Part(std::uint64_t key, std::uint64_t parts)
      : index((key >> 32) * parts >> 32), fraction((key >> 32) * parts & 0xffffffffu) {}
};

}  // namespace

EntryOrder EntryOrder::shuffled(std::uint64_t seed, std::size_t buckets) {
  EntryOrder order;
  order.shuffled_ = true;
  order.seed_ = mix_bits(seed + 1);
  order.buckets_ = buckets;
  return order;
}

EntryOrder EntryOrder::sorted(std::span<const std::uint64_t> row_entries, std::size_t buckets) {
  EntryOrder order;
  const auto total = std::accumulate(row_entries.begin(), row_entries.end(), std::uint64_t{0});
  const std::uint64_t share = total / buckets + 1;
  order.first_row_.push_back(0);
  std::uint64_t in_bucket = 0;
  for (std::size_t row = 0; row < row_entries.size(); ++row) {
    if (in_bucket > 0 && in_bucket + row_entries[row] > share) {
      order.first_row_.push_back(row);
      in_bucket = 0;
    }
    in_bucket += row_entries[row];
    order.bucket_of_row_.push_back(static_cast<std::uint32_t>(order.first_row_.size() - 1));
  }
  order.buckets_ = order.first_row_.size();
  order.first_row_.push_back(row_entries.size());
  return order;
}

/// mix_bits is a bijection: no two positions have the same key.
std::uint64_t EntryOrder::key(const CoOccurrence& entry) const {
  return shuffled_ ? mix_bits(position(entry) ^ seed_) : position(entry);
}

std::size_t EntryOrder::bucket(const CoOccurrence& entry) const {
  return shuffled_ ? Part(key(entry), buckets_).index : bucket_of_row_[static_cast<std::size_t>(entry.row)];
}

void EntryOrder::sort(std::size_t bucket, std::vector<CoOccurrence>& entries,
                      std::vector<CoOccurrence>& scratch) const {
  // Into bins by the key's leading part, then by the whole key in each: both passes stay in the cache.
  const std::size_t bins = shuffled_ ? entries.size() / kBinEntries + 1 : first_row_[bucket + 1] - first_row_[bucket];
  const auto bin_of = [&](const CoOccurrence& entry) -> std::size_t {
    if (shuffled_) return Part(key(entry), buckets_).fraction * bins >> 32;
    return static_cast<std::size_t>(entry.row) - first_row_[bucket];
  };
  std::vector<std::size_t> ends(bins + 1);
  for (const CoOccurrence& entry : entries) ++ends[bin_of(entry) + 1];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  scratch.resize(entries.size());
  for (const CoOccurrence& entry : entries) scratch[ends[bin_of(entry)]++] = entry;
  std::vector<std::pair<std::uint64_t, CoOccurrence>> keyed;
  std::size_t begin = 0;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    keyed.clear();
    for (std::size_t i = begin; i < ends[bin]; ++i) keyed.emplace_back(key(scratch[i]), scratch[i]);
    std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [key, entry] : keyed) entries[begin++] = entry;
  }
}

EntryBuckets::EntryBuckets(const std::filesystem::path& beside, EntryOrder order, std::size_t threads,
                           std::uint64_t buffer_bytes)
    : order_(std::move(order)),
      file_(beside),
      threads_(threads),
      buffer_entries_(std::clamp<std::size_t>(buffer_bytes / (threads * order_.buckets() * sizeof(CoOccurrence)),
                                              kLeastBuffer, kMostBuffer)),
      buffers_(threads * order_.buckets()),
      pieces_(order_.buckets()) {
  for (auto& entries : buffers_) entries.reserve(buffer_entries_);
}

void EntryBuckets::add(std::size_t thread, const CoOccurrence& entry) {
  const std::size_t bucket = order_.bucket(entry);
  std::vector<CoOccurrence>& entries = buffer(thread, bucket);
  entries.push_back(entry);
  if (entries.size() < buffer_entries_) return;
  std::uint64_t offset = 0;
  {
    const std::lock_guard lock(mutex_);
    offset = std::exchange(end_, end_ + entries.size() * sizeof(CoOccurrence));
    pieces_[bucket].push_back({offset, entries.size()});
  }
  file_.write(offset, std::as_bytes(std::span(entries)));
  entries.clear();
}

std::uint64_t EntryBuckets::entries() const {
  std::uint64_t sum = end_ / sizeof(CoOccurrence);
  for (const auto& entries : buffers_) sum += entries.size();
  return sum;
}

void EntryBuckets::read(std::size_t bucket, std::vector<CoOccurrence>& entries,
                        std::vector<CoOccurrence>& scratch) const {
  entries.clear();
  for (const Piece& piece : pieces_[bucket]) {
    entries.resize(entries.size() + piece.entries);
    file_.read(piece.offset, std::as_writable_bytes(std::span(entries).last(piece.entries)));
  }
  for (std::size_t thread = 0; thread < threads_; ++thread) {
    const std::vector<CoOccurrence>& last = buffers_[thread * order_.buckets() + bucket];
    entries.insert(entries.end(), last.begin(), last.end());
  }
  order_.sort(bucket, entries, scratch);
}

}  // namespace langzoo
