#include "data/batching/length_batch_sampler.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

#include "data/random/permutation.h"
#include "data/random/random.h"

namespace langzoo {

namespace {

/// A bucket that others were cut from has at least this many batches, so that batches still mix.
constexpr std::int64_t kLeastBatches = 4;
constexpr std::size_t kMostBuckets = 256;

/// The pairs of equal lengths.
struct Cell {
  PairLength length;
  std::int64_t pairs;
};
using Cells = std::span<Cell>;

/// What a bucket of these cells comes to.
struct Extent {
  PairLength longest;
  std::int64_t pairs = 0;

  void add(const Cell& cell) {
    longest = {std::max(longest.source, cell.length.source), std::max(longest.target, cell.length.target)};
    pairs += cell.pairs;
  }
  std::int64_t padded_tokens() const { return pairs * (longest.source + longest.target); }
  std::int64_t batches(const BatchLimits& limits) const {
    std::int64_t capacity = pairs;
    if (limits.sentences > 0) capacity = std::min(capacity, limits.sentences);
    if (limits.tokens > 0) {
      const std::int64_t width = std::max<std::int64_t>(1, longest.source + longest.target);
      capacity = std::min(capacity, std::max<std::int64_t>(1, limits.tokens / width));
    }
    return (pairs + capacity - 1) / capacity;
  }
};

/// Cuts cells into buckets, wherever that saves most, one cut after another.
class Cutter {
 public:
  explicit Cutter(const BatchLimits& limits) : limits_(limits) {}

  std::vector<Cells> cut(Cells all) {
    std::vector<Part> parts{best_cut(all)};
    while (parts.size() < kMostBuckets) {
      const auto best = std::max_element(parts.begin(), parts.end(),
                                         [](const Part& a, const Part& b) { return a.cut.saved < b.cut.saved; });
      if (best->cut.saved == 0) break;
      const Cells cells = best->cells;
      const std::size_t at = best->cut.at;
      *best = best_cut(cells.first(at));
      parts.push_back(best_cut(cells.subspan(at)));
    }
    std::vector<Cells> buckets;
    for (const Part& part : parts) buckets.push_back(part.cells);
    return buckets;
  }

 private:
  struct Cut {
    std::int64_t saved = 0;  ///< padded tokens
    std::size_t at = 0;      ///< the cell before which to cut
  };
  struct Part {
    Cells cells;
    Cut cut;  ///< the best, of the cells in their present order
  };

  /// Sorts the cells for it.
  Part best_cut(Cells cells) {
    const auto sort_by = [&](auto side, auto other) {
      std::sort(cells.begin(), cells.end(), [=](const Cell& a, const Cell& b) {
        return std::pair(a.length.*side, a.length.*other) < std::pair(b.length.*side, b.length.*other);
      });
      return best_cut_between(cells, side);
    };
    constexpr auto kSource = &PairLength::source, kTarget = &PairLength::target;
    const Cut target = sort_by(kTarget, kSource), source = sort_by(kSource, kTarget);
    return {cells, source.saved >= target.saved ? source : sort_by(kTarget, kSource)};
  }

  /// Between different values of `side`, by which the cells are sorted.
  Cut best_cut_between(Cells cells, std::int64_t PairLength::*side) {
    after_.assign(cells.size() + 1, {});
    for (std::size_t i = cells.size(); i-- > 0;) {
      after_[i] = after_[i + 1];
      after_[i].add(cells[i]);
    }
    Cut best;
    Extent before;
    for (std::size_t i = 1; i < cells.size(); ++i) {
      before.add(cells[i - 1]);
      if (cells[i - 1].length.*side == cells[i].length.*side) continue;
      const std::int64_t saved = after_[0].padded_tokens() - before.padded_tokens() - after_[i].padded_tokens();
      if (saved <= best.saved) continue;
      if (before.batches(limits_) < kLeastBatches || after_[i].batches(limits_) < kLeastBatches) continue;
      best = {saved, i};
    }
    return best;
  }

  BatchLimits limits_;
  std::vector<Extent> after_;  ///< of the cells from each on
};

void check(std::span<const PairLength> lengths, const BatchLimits& limits) {
  if (lengths.empty()) throw std::invalid_argument("no sentence pairs make no epoch");
  if (limits.tokens < 0 || limits.sentences < 0 || limits.tokens + limits.sentences == 0) {
    throw std::invalid_argument(fmt::format("batches of {} tokens or {} sentences: expected a positive limit",
                                            limits.tokens, limits.sentences));
  }
  for (const PairLength& length : lengths) {
    if (length.source < 0 || length.target < 0) {
      throw std::invalid_argument(fmt::format("a pair of lengths {} and {}", length.source, length.target));
    }
  }
}

}  // namespace

LengthBatchSampler::LengthBatchSampler(std::span<const PairLength> lengths, BatchLimits limits, std::uint64_t seed)
    : seed_(seed), pairs_(lengths.size()) {
  check(lengths, limits);
  std::map<PairLength, std::int64_t> counts;
  for (const PairLength& length : lengths) ++counts[length];
  std::vector<Cell> cells;
  for (const auto& [length, pairs] : counts) cells.push_back({length, pairs});

  std::map<PairLength, std::int64_t> next;  // where the next pair of this length goes
  std::int64_t begin = 0;
  for (const Cells bucket : Cutter(limits).cut(cells)) {
    Extent extent;
    for (const Cell& cell : bucket) {
      next[cell.length] = begin + extent.pairs;
      extent.add(cell);
    }
    buckets_.push_back({begin, begin + extent.pairs, extent.batches(limits), num_batches_});
    begin += extent.pairs;
    num_batches_ += buckets_.back().batches;
  }
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    pairs_[static_cast<std::size_t>(next[lengths[i]]++)] = static_cast<std::int64_t>(i);
  }
}

std::vector<std::int64_t> LengthBatchSampler::examples(const DataPosition& at) const {
  if (at.batch < 0 || at.batch >= num_batches_) {
    throw std::out_of_range(fmt::format("batch {} of an epoch of {}", at.batch, num_batches_));
  }
  // One stream of numbers for the order of the batches, one for each bucket.
  const auto epoch = static_cast<std::uint64_t>(at.epoch);
  const auto shuffled = [&](std::int64_t size, std::uint64_t stream) {
    return Permutation(static_cast<std::uint64_t>(size), mix_bits(seed_ + mix_bits(stream)), epoch);
  };
  const auto batch = static_cast<std::int64_t>(shuffled(num_batches_, 0)(static_cast<std::uint64_t>(at.batch)));
  const auto bucket = std::prev(std::upper_bound(buckets_.begin(), buckets_.end(), batch,
                                                 [](auto b, const Bucket& of) { return b < of.batches_before; }));
  const std::int64_t size = bucket->end - bucket->begin, part = batch - bucket->batches_before;
  const auto border = [&](std::int64_t i) { return size / bucket->batches * i + std::min(i, size % bucket->batches); };
  const Permutation order = shuffled(size, static_cast<std::uint64_t>(bucket - buckets_.begin()) + 1);
  std::vector<std::int64_t> examples;
  for (std::int64_t i = border(part); i < border(part + 1); ++i) {
    examples.push_back(pairs_[static_cast<std::size_t>(bucket->begin) + order(static_cast<std::uint64_t>(i))]);
  }
  return examples;
}

}  // namespace langzoo
