#include "data/parallel/pair_mixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/as_size.h"
#include "data/random/random.h"

namespace langzoo {

namespace {

/// Whole numbers that add up to `total` and are nearest to the rates: the largest remainders are rounded up, but every
/// task is drawn once at least.
std::vector<std::int64_t> draws_of(std::span<const double> rates, std::int64_t total) {
  std::vector<std::int64_t> draws;
  std::vector<std::pair<double, std::size_t>> remainders;
  std::int64_t given = 0;
  for (std::size_t task = 0; task < rates.size(); ++task) {
    const double exact = rates[task] * static_cast<double>(total);
    draws.push_back(std::max<std::int64_t>(1, static_cast<std::int64_t>(exact)));
    given += draws.back();
    remainders.emplace_back(static_cast<double>(draws.back()) - exact, task);
  }
  std::sort(remainders.begin(), remainders.end());
  for (std::size_t i = 0; given < total; i = (i + 1) % remainders.size(), ++given) ++draws[remainders[i].second];
  return draws;
}

}  // namespace

void MixingOptions::validate() const {
  if (limit < 0) throw std::invalid_argument(fmt::format("limit is {}, expected 0 or more", limit));
  if (!(temperature >= 1 && temperature <= 1e6)) {
    throw std::invalid_argument(fmt::format("temperature is {}, expected 1 or more", temperature));
  }
}

std::vector<double> mixing_rates(std::span<const std::int64_t> examples, std::span<const double> weights,
                                 const MixingOptions& options) {
  options.validate();
  if (examples.empty()) throw std::invalid_argument("there is no task to mix");
  if (!weights.empty() && weights.size() != examples.size()) {
    throw std::invalid_argument(fmt::format("{} tasks, {} weights", examples.size(), weights.size()));
  }
  std::vector<double> rates;
  for (std::size_t task = 0; task < examples.size(); ++task) {
    if (examples[task] < 1) throw std::invalid_argument(fmt::format("task {} has no examples", task + 1));
    const double weight = weights.empty() ? 1 : weights[task];
    if (!(weight > 0 && std::isfinite(weight)))
      throw std::invalid_argument(fmt::format("weight {} of task {}: expected above 0", weight, task + 1));
    const auto counted = options.limit > 0 ? std::min(examples[task], options.limit) : examples[task];
    const auto size = static_cast<double>(counted);
    rates.push_back(weight * (options.kind == MixingKind::kEqual          ? 1
                              : options.kind == MixingKind::kProportional ? size
                                                                          : std::pow(size, 1 / options.temperature)));
  }
  const double sum = std::accumulate(rates.begin(), rates.end(), 0.0);
  for (auto& rate : rates) rate /= sum;
  return rates;
}

MixtureSampler::MixtureSampler(std::span<const PairLength> lengths, const TaskEnds& ends, std::span<const double> rates,
                               BatchLimits limits, std::uint64_t seed)
    : seed_(seed), sorted_(lengths.size()) {
  if (ends.size() != rates.size() || ends.empty() || ends.back() != std::ssize(lengths) ||
      !std::is_sorted(ends.begin(), ends.end())) {
    throw std::invalid_argument(
        fmt::format("{} pairs of {} tasks with {} rates", lengths.size(), ends.size(), rates.size()));
  }
  draws_ = draws_of(rates, std::ssize(lengths));
  std::iota(sorted_.begin(), sorted_.end(), 0);
  std::vector<PairLength> slot_lengths;
  std::int64_t begin = 0;
  for (std::size_t task = 0; task < ends.size(); begin = ends[task++]) {
    const auto size = ends[task] - begin, draws = draws_[task];
    if (size == 0) throw std::invalid_argument(fmt::format("task {} has no pairs", task + 1));
    std::stable_sort(sorted_.begin() + begin, sorted_.begin() + ends[task],
                     [&](std::int64_t a, std::int64_t b) { return lengths[as_size(a)] < lengths[as_size(b)]; });
    for (std::int64_t i = 0; i < draws; ++i) {
      // As many runs as draws; where there are more draws than pairs, runs of one pair, some of them twice or more.
      const auto first = i * size / draws, next = std::max(first + 1, (i + 1) * size / draws);
      slots_.push_back({begin + first, next - first});
      PairLength longest;
      for (auto pair = begin + first; pair < begin + next; ++pair) {
        const auto& length = lengths[as_size(sorted_[as_size(pair)])];
        longest = {std::max(longest.source, length.source), std::max(longest.target, length.target)};
      }
      slot_lengths.push_back(longest);
    }
  }
  batches_ = std::make_unique<LengthBatchSampler>(slot_lengths, limits, seed);
}

std::vector<std::int64_t> MixtureSampler::examples(const DataPosition& at) const {
  auto pairs = batches_->examples(at);
  for (auto& pair : pairs) {
    const auto& [first, count] = slots_[as_size(pair)];
    std::uint64_t chosen = 0;
    if (count > 1) {
      Random random(mix_bits(seed_ + 1) + static_cast<std::uint64_t>(at.epoch), static_cast<std::uint64_t>(pair));
      chosen = random.below(static_cast<std::uint64_t>(count));
    }
    pair = sorted_[as_size(first) + chosen];
  }
  return pairs;
}

std::unique_ptr<BatchIterator<ParallelBatch>> mixture_batches(const ParallelCorpus& corpus,
                                                              const ParallelSpecialTokens& special,
                                                              const TaskEnds& ends, std::span<const double> rates,
                                                              BatchLimits limits, std::uint64_t seed,
                                                              std::size_t prepare_ahead, Rank rank) {
  check_rank(rank);
  auto order = std::make_shared<const MixtureSampler>(pair_lengths(corpus, special), ends, rates, limits, seed);
  const auto batches = order->batches_per_epoch();
  return std::make_unique<BatchIterator<ParallelBatch>>(
      batches,
      [&corpus, special, order = std::move(order), rank](const DataPosition& at) {
        return parallel_batch(corpus, share_of(order->examples(at), rank), special);
      },
      prepare_ahead);
}

}  // namespace langzoo
