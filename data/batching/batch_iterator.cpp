#include "data/batching/batch_iterator.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "data/random/permutation.h"

namespace langzoo {

EpochOrder::EpochOrder(std::int64_t num_examples, std::int64_t batch_size, std::uint64_t seed)
    : num_examples_(num_examples), batch_size_(std::min(batch_size, num_examples)), seed_(seed) {
  if (num_examples < 1) throw std::invalid_argument(fmt::format("{} examples make no epoch", num_examples));
  if (batch_size < 1) throw std::invalid_argument(fmt::format("batch_size must be positive, is {}", batch_size));
}

std::vector<std::int64_t> EpochOrder::examples(const DataPosition& at) const {
  if (at.batch < 0 || at.batch >= batches_per_epoch()) {
    throw std::out_of_range(fmt::format("batch {} of an epoch of {}", at.batch, batches_per_epoch()));
  }
  const Permutation order(static_cast<std::uint64_t>(num_examples_), seed_, static_cast<std::uint64_t>(at.epoch));
  std::vector<std::int64_t> examples(static_cast<std::size_t>(batch_size_));
  auto index = static_cast<std::uint64_t>(at.batch * batch_size_);
  for (auto& example : examples) example = static_cast<std::int64_t>(order(index++));
  return examples;
}

void check_rank(const Rank& rank) {
  if (rank.index < 0 || rank.index >= rank.world)
    throw std::invalid_argument(fmt::format("rank {} does not exist in a world of {}", rank.index, rank.world));
}

std::vector<std::int64_t> share_of(const std::vector<std::int64_t>& examples, const Rank& rank) {
  const auto size = static_cast<std::int64_t>(examples.size());
  return {examples.begin() + size * rank.index / rank.world, examples.begin() + size * (rank.index + 1) / rank.world};
}

DataPosition following(DataPosition at, std::int64_t batches_per_epoch, std::int64_t batches) {
  at.batch += batches;
  return {at.epoch + at.batch / batches_per_epoch, at.batch % batches_per_epoch};
}

void check_position(const DataPosition& at, std::int64_t batches_per_epoch) {
  if (at.epoch < 0 || at.batch < 0 || at.batch >= batches_per_epoch) {
    throw std::invalid_argument(
        fmt::format("data position (epoch {}, batch {}) does not exist: an epoch has {} batches", at.epoch, at.batch,
                    batches_per_epoch));
  }
}

}  // namespace langzoo
