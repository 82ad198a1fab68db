#include "data/words/pair_counter.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <memory>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "tokenizers/parallel.h"

namespace langzoo {

namespace {

constexpr int kUnitBits = 30;

/// Calls use(ids of a sentence, its end left out) for those of a block.
template <class Use>
void for_each_sentence(std::span<const std::int32_t> block, const Use& use) {
  for (auto begin = block.begin(); begin != block.end();) {
    const auto end = std::find(begin, block.end(), kSentenceEnd);
    use(std::span<const std::int32_t>(begin, end));
    begin = end + 1;
  }
}

}  // namespace

PairCounter::PairCounter(const WordCorpus& corpus, std::int64_t vocabulary_size, std::int64_t window,
                         bool distance_weighting, std::size_t threads)
    : corpus_(corpus),
      threads_(threads),
      distance_bits_(std::bit_width(static_cast<std::uint64_t>(window))),
      neighbors_(static_cast<std::size_t>(vocabulary_size)) {
  std::vector<std::vector<std::uint64_t>> counts(threads_);
  std::atomic<std::int64_t> next = 0;
  run_on_threads(threads_, [&](std::size_t thread) {
    std::vector<std::uint64_t>& mine = counts[thread];
    mine.resize(neighbors_.size());
    std::vector<std::int32_t> ids;
    for (std::int64_t block; (block = next.fetch_add(1)) < corpus_.blocks();) {
      corpus_.read_block(block, ids);
      for_each_sentence(ids, [&](std::span<const std::int32_t> sentence) {
        const auto size = static_cast<std::int64_t>(sentence.size());
        for (std::int64_t at = 0; at < size; ++at) {
          const auto id = static_cast<std::size_t>(sentence[static_cast<std::size_t>(at)]);
          if (id >= mine.size()) {
            throw std::invalid_argument(fmt::format("id {} in a corpus for {} words", id, mine.size()));
          }
          mine[id] += static_cast<std::uint64_t>(std::min(at, window) + std::min(size - 1 - at, window));
        }
      });
    }
  });
  for (const auto& mine : counts) {
    std::transform(mine.begin(), mine.end(), neighbors_.begin(), neighbors_.begin(), std::plus<>());
  }
  // No sum reaches 2^63 units, were all pairs of the same two words.
  const auto pairs = std::accumulate(neighbors_.begin(), neighbors_.end(), std::uint64_t{0});
  unit_ = std::ldexp(1.0, -std::min(kUnitBits, 63 - static_cast<int>(std::bit_width(pairs))));
  weights_.resize(static_cast<std::size_t>(window) + 1);
  for (std::size_t distance = 1; distance < weights_.size(); ++distance) {
    const double weight = distance_weighting ? 1.0 / static_cast<double>(distance) : 1.0;
    weights_[distance] = static_cast<std::uint64_t>(std::llround(weight / unit_));
  }
}

bool PairCounter::is_narrow() const {
  return std::bit_width(neighbors_.size()) + distance_bits_ <= 32;
}

/// One cell more than columns: for neighbours beyond the triangle.
bool PairCounter::is_dense(std::size_t row) const {
  return (row + 2) * sizeof(std::uint64_t) <= neighbors_[row] * (is_narrow() ? 4 : 8);
}

std::uint64_t PairCounter::row_bytes(std::size_t row) const {
  return is_dense(row) ? (row + 2) * sizeof(std::uint64_t) : neighbors_[row] * (is_narrow() ? 4 : 8);
}

void PairCounter::plan(std::uint64_t memory_bytes) {
  passes_.clear();
  std::uint64_t used = 0;
  for (std::size_t row = 0; row < neighbors_.size(); ++row) {
    if (neighbors_[row] == 0) continue;
    const std::uint64_t bytes = row_bytes(row);
    if (passes_.empty() || used + bytes > memory_bytes) {
      passes_.push_back({row, row});
      used = 0;
    }
    used += bytes;
    passes_.back().end = row + 1;
  }
}

/// One thread's rows of one pass.
template <class Pair>
class PairCounter::Tables {
 public:
  /// `is_mine[i]` says whether row rows.begin + i is to be counted.
  Tables(const PairCounter& counter, Rows rows, const std::vector<bool>& is_mine)
      : counter_(counter), first_(rows.begin), rows_(rows.end - rows.begin) {
    std::size_t sums = 0, pairs = 0;
    const auto for_mine = [&](const auto& use) {
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (is_mine[i] && counter_.neighbors_[first_ + i] > 0) use(first_ + i, rows_[i]);
      }
    };
    for_mine([&](std::size_t row, Row&) {
      counter_.is_dense(row) ? sums += row + 2 : pairs += static_cast<std::size_t>(counter_.neighbors_[row]);
    });
    sums_ = std::make_unique<std::uint64_t[]>(sums);
    pairs_ = std::make_unique_for_overwrite<Pair[]>(pairs);
    std::uint64_t* sum = sums_.get();
    Pair* pair = pairs_.get();
    for_mine([&](std::size_t row, Row& place) {
      if (counter_.is_dense(row)) {
        place.sums = sum;
        sum += row + 2;
      } else {
        place.pairs = pair;
        pair += counter_.neighbors_[row];
      }
    });
  }

  void count(std::span<const std::int32_t> sentence) {
    const std::size_t window = counter_.weights_.size() - 1;
    for (std::size_t at = 0; at < sentence.size(); ++at) {
      const std::size_t index = static_cast<std::size_t>(sentence[at]) - first_;
      if (index >= rows_.size()) continue;
      Row& row = rows_[index];
      const std::int32_t* const center = sentence.data() + at;
      const std::size_t left = std::min(at, window), right = std::min(sentence.size() - 1 - at, window);
      if (row.sums != nullptr) {
        add_sums(row, center, left, right);
      } else if (row.pairs != nullptr) {
        add_pairs(row, center, left, right);
      }
    }
  }

  template <class Emit>
  void finish(const Emit& emit) {
    std::vector<std::uint64_t> sums(counter_.neighbors_.size());
    std::vector<std::int32_t> columns;
    std::vector<CoOccurrence> entries;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const Row& row = rows_[i];
      const auto id = static_cast<std::int32_t>(first_ + i);
      entries.clear();
      const auto add = [&](std::int32_t column, std::uint64_t sum) {
        entries.push_back({id, column, static_cast<float>(static_cast<double>(sum) * counter_.unit_)});
      };
      if (row.sums != nullptr) {
        for (std::int32_t column = 0; column <= id; ++column) {
          if (row.sums[column] > 0) add(column, row.sums[column]);
        }
      }
      columns.clear();
      for (std::size_t n = 0; n < row.size; ++n) {
        const auto column = static_cast<std::int32_t>(row.pairs[n] >> counter_.distance_bits_);
        std::uint64_t& sum = sums[static_cast<std::size_t>(column)];
        if (sum == 0) columns.push_back(column);
        sum += counter_.weights_[row.pairs[n] & ((Pair{1} << counter_.distance_bits_) - 1)];
      }
      for (const std::int32_t column : columns) {
        add(column, std::exchange(sums[static_cast<std::size_t>(column)], 0));
      }
      if (!entries.empty()) emit(entries);
    }
  }

 private:
  struct Row {
    std::uint64_t* sums = nullptr;
    Pair* pairs = nullptr;
    std::size_t size = 0;  ///< of pairs so far
  };

  // Both without a branch on the neighbour, which nobody could predict: what is beyond the triangle goes to a spare
  // cell, or is overwritten by the next.
  void add_sums(Row& row, const std::int32_t* center, std::size_t left, std::size_t right) {
    const std::int32_t spare = *center + 1;
    const std::uint64_t* const weights = counter_.weights_.data();
    for (std::size_t d = 1; d <= left; ++d) row.sums[std::min(*(center - d), spare)] += weights[d];
    for (std::size_t d = 1; d <= right; ++d) row.sums[std::min(*(center + d), spare)] += weights[d];
  }
  void add_pairs(Row& row, const std::int32_t* center, std::size_t left, std::size_t right) {
    const std::int32_t id = *center;
    const int shift = counter_.distance_bits_;
    Pair* next = row.pairs + row.size;
    const auto add = [&](std::int32_t neighbor, std::size_t distance) {
      *next = static_cast<Pair>(neighbor) << shift | static_cast<Pair>(distance);
      next += neighbor <= id;
    };
    for (std::size_t d = 1; d <= left; ++d) add(*(center - d), d);
    for (std::size_t d = 1; d <= right; ++d) add(*(center + d), d);
    row.size = static_cast<std::size_t>(next - row.pairs);
  }

  const PairCounter& counter_;
  std::size_t first_;
  std::vector<Row> rows_;
  std::unique_ptr<std::uint64_t[]> sums_;
  std::unique_ptr<Pair[]> pairs_;
};

template <class Pair>
void PairCounter::run_pass(Rows rows, const Sink& sink, const std::function<void(std::int64_t block)>& step) const {
  // The longest rows first, each to the thread that has least to do.
  std::vector<std::vector<bool>> is_mine(threads_, std::vector<bool>(rows.end - rows.begin));
  std::vector<std::uint64_t> loads(threads_);
  for (std::size_t row = rows.begin; row < rows.end; ++row) {
    const auto least = std::min_element(loads.begin(), loads.end());
    *least += neighbors_[row] + 1;
    is_mine[static_cast<std::size_t>(least - loads.begin())][row - rows.begin] = true;
  }
  std::atomic<bool> stopped = false;
  run_on_threads(threads_, [&](std::size_t thread) {
    try {
      Tables<Pair> tables(*this, rows, is_mine[thread]);
      std::vector<std::int32_t> ids;
      for (std::int64_t block = 0; block < corpus_.blocks() && !stopped; ++block) {
        corpus_.read_block(block, ids);
        for_each_sentence(ids, [&](std::span<const std::int32_t> sentence) { tables.count(sentence); });
        if (thread == 0) step(block + 1);
      }
      if (!stopped) tables.finish([&](std::span<const CoOccurrence> row) { sink(thread, row); });
    } catch (...) {
      stopped = true;
      throw;
    }
  });
}

void PairCounter::run(const Sink& sink, const std::function<void(std::int64_t done)>& step) const {
  for (std::size_t pass = 0; pass < passes_.size(); ++pass) {
    const std::int64_t before = static_cast<std::int64_t>(pass) * corpus_.blocks();
    const auto on_block = [&](std::int64_t block) { step(before + block); };
    is_narrow() ? run_pass<std::uint32_t>(passes_[pass], sink, on_block)
                : run_pass<std::uint64_t>(passes_[pass], sink, on_block);
  }
}

}  // namespace langzoo
