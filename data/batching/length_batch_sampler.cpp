#include "data/batching/length_batch_sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
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
  std::int64_t pairs = 0, targets = 0;

  void add(const Cell& cell) {
    longest = {std::max(longest.source, cell.length.source), std::max(longest.target, cell.length.target)};
    pairs += cell.pairs;
    targets += cell.pairs * cell.length.target;
  }
  std::int64_t padded_tokens() const { return pairs * (longest.source + longest.target); }
  std::int64_t batches(const BatchLimits& limits) const {
    std::int64_t capacity = pairs;
    if (limits.sentences > 0) capacity = std::min(capacity, limits.sentences);
    const auto limit = [](std::int64_t capacity, std::int64_t tokens, std::int64_t width) {
      return tokens == 0 ? capacity
                         : std::min(capacity, std::max<std::int64_t>(1, tokens / std::max<std::int64_t>(1, width)));
    };
    capacity = limit(capacity, limits.tokens, longest.source + longest.target);
    capacity = limit(capacity, limits.source_tokens, longest.source);
    const auto needed = rounded_up(pairs, capacity);
    if (limits.target_tokens == 0) return needed;
    // Of as many pairs each, whatever their lengths; or dealt out, when none has more than the mean and the longest.
    const auto by_longest = rounded_up(pairs, limit(capacity, limits.target_tokens, longest.target));
    const auto room = limits.target_tokens - longest.target;
    return room > 0 ? std::max(needed, std::min(by_longest, rounded_up(targets, room))) : by_longest;
  }

 private:
  static std::int64_t rounded_up(std::int64_t count, std::int64_t divisor) { return (count + divisor - 1) / divisor; }
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
  const std::array all{limits.tokens, limits.sentences, limits.source_tokens, limits.target_tokens};
  if (*std::min_element(all.begin(), all.end()) < 0 || *std::max_element(all.begin(), all.end()) == 0) {
    throw std::invalid_argument(
        fmt::format("batches of {} tokens, {} sentences, {} source or {} target tokens: expected a positive limit, and "
                    "none below 0",
                    limits.tokens, limits.sentences, limits.source_tokens, limits.target_tokens));
  }
  for (const PairLength& length : lengths) {
    if (length.source < 0 || length.target < 0) {
      throw std::invalid_argument(fmt::format("a pair of lengths {} and {}", length.source, length.target));
    }
  }
}

}  // namespace

BatchLimits limits_by_target_tokens(std::span<const PairLength> lengths, std::int64_t target_tokens) {
  if (target_tokens < 1) {
    throw std::invalid_argument(fmt::format("batches of {} target tokens: expected at least 1", target_tokens));
  }
  if (lengths.empty()) throw std::invalid_argument("no sentence pairs make no batches");
  double sources = 0, targets = 0;
  for (const PairLength& length : lengths) {
    sources += static_cast<double>(length.source);
    targets += static_cast<double>(length.target);
  }
  constexpr double kMostOfMean = 2, kNoLimit = 1e18;
  const double most = kMostOfMean * static_cast<double>(target_tokens) * sources / std::max(1.0, targets);
  return {.source_tokens = static_cast<std::int64_t>(std::ceil(std::clamp(most, 1.0, kNoLimit))),
          .target_tokens = target_tokens};
}

LengthBatchSampler::LengthBatchSampler(std::span<const PairLength> lengths, BatchLimits limits, std::uint64_t seed)
    : seed_(seed), dealt_(limits.target_tokens > 0), pairs_(lengths.size()) {
  check(lengths, limits);
  std::map<PairLength, std::int64_t> counts;
  for (const PairLength& length : lengths) ++counts[length];
  std::vector<Cell> cells;
  for (const auto& [length, pairs] : counts) cells.push_back({length, pairs});
  // A pair beyond a limit is a batch of its own; in a bucket with others it would make all of them that.
  const auto fits = [&](const Cell& cell) {
    return cell.length.target <= limits.target_tokens &&
           (limits.source_tokens == 0 || cell.length.source <= limits.source_tokens);
  };
  const auto num_fitting =
      dealt_ ? std::partition(cells.begin(), cells.end(), fits) - cells.begin() : std::ssize(cells);
  const auto fitting = Cells(cells).first(static_cast<std::size_t>(num_fitting));
  auto buckets = fitting.empty() ? std::vector<Cells>() : Cutter(limits).cut(fitting);
  if (fitting.size() < cells.size()) buckets.push_back(Cells(cells).subspan(fitting.size()));

  std::map<PairLength, std::int64_t> next;  // where the next pair of this length goes
  std::int64_t begin = 0;
  for (const Cells bucket : buckets) {
    if (dealt_) {
      std::sort(bucket.begin(), bucket.end(), [](const Cell& a, const Cell& b) {
        return std::pair(a.length.target, a.length.source) < std::pair(b.length.target, b.length.source);
      });
    }
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
  const auto stream = static_cast<std::uint64_t>(bucket - buckets_.begin()) + 1;
  std::vector<std::int64_t> examples;
  const auto add = [&](std::int64_t place) {
    examples.push_back(pairs_[static_cast<std::size_t>(bucket->begin + place)]);
  };
  if (dealt_) {
    // The first round, of the shortest, may not go all the way round.
    const std::int64_t rounds = (size + bucket->batches - 1) / bucket->batches;
    for (std::int64_t round = 0; round < rounds; ++round) {
      const auto order = shuffled(bucket->batches, stream + (static_cast<std::uint64_t>(round + 1) << 32));
      const auto place = static_cast<std::int64_t>(order(static_cast<std::uint64_t>(part))) + size -
                         (rounds - round) * bucket->batches;
      if (place >= 0) add(place);
    }
    return examples;
  }
  const auto border = [&](std::int64_t i) { return size / bucket->batches * i + std::min(i, size % bucket->batches); };
  const Permutation order = shuffled(size, stream);
  for (std::int64_t i = border(part); i < border(part + 1); ++i) {
    add(static_cast<std::int64_t>(order(static_cast<std::uint64_t>(i))));
  }
  return examples;
}

std::vector<std::vector<std::int64_t>> batches_by_length(std::span<const PairLength> lengths, BatchLimits limits) {
  std::vector<std::int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  const auto length_of = [&](std::int64_t pair) { return lengths[static_cast<std::size_t>(pair)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return length_of(a) > length_of(b); });
  std::vector<std::vector<std::int64_t>> batches;
  PairLength longest;        // of the last batch
  std::int64_t targets = 0;  // of the last batch
  for (const std::int64_t pair : order) {
    const auto [source, target] = length_of(pair);
    const PairLength wider{std::max(longest.source, source), std::max(longest.target, target)};
    const auto pairs = static_cast<std::int64_t>(batches.empty() ? 0 : batches.back().size()) + 1;
    const auto within = [](std::int64_t size, std::int64_t limit) { return limit == 0 || size <= limit; };
    const bool fits = !batches.empty() && within(pairs, limits.sentences) &&
                      within(pairs * (wider.source + wider.target), limits.tokens) &&
                      within(pairs * wider.source, limits.source_tokens) &&
                      within(targets + target, limits.target_tokens);
    if (!fits) batches.emplace_back();
    longest = fits ? wider : PairLength{source, target};
    targets = fits ? targets + target : target;
    batches.back().push_back(pair);
  }
  return batches;
}

}  // namespace langzoo
