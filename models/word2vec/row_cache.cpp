#include "models/word2vec/row_cache.h"

#include <algorithm>
#include <numeric>

namespace langzoo {

HotRows::HotRows(std::span<const std::int64_t> weights, std::int64_t most)
    : slots_(weights.size(), -1), rows_(weights.size()) {
  std::iota(rows_.begin(), rows_.end(), 0);
  const auto kept = std::min(static_cast<std::size_t>(most), rows_.size());
  std::partial_sort(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(kept), rows_.end(), [&](auto a, auto b) {
    return weights[static_cast<std::size_t>(a)] > weights[static_cast<std::size_t>(b)];
  });
  rows_.resize(kept);
  rows_.shrink_to_fit();
  for (std::size_t slot = 0; slot < kept; ++slot) {
    slots_[static_cast<std::size_t>(rows_[slot])] = static_cast<std::int32_t>(slot);
  }
}

RowCache::RowCache(float* table, std::int64_t dim, const HotRows* hot) : table_(table), dim_(dim), hot_(hot) {
  if (hot == nullptr) return;
  const auto size = static_cast<std::size_t>(hot->size() * dim);
  copies_.resize(size);
  updates_.resize(static_cast<std::size_t>(hot->size()));
  for (std::int64_t slot = 0; slot < hot->size(); ++slot) {
    std::copy_n(table_ + hot->row(slot) * dim_, dim_, copies_.begin() + slot * dim_);
  }
  seen_ = copies_;
}

void RowCache::exchange(std::int64_t slot) {
  float* __restrict shared = table_ + hot_->row(slot) * dim_;
  float* __restrict copy = copies_.data() + slot * dim_;
  float* __restrict seen = seen_.data() + slot * dim_;
  for (std::int64_t i = 0; i < dim_; ++i) {
    const float now = shared[i] + (copy[i] - seen[i]);
    shared[i] = copy[i] = seen[i] = now;
  }
  updates_[static_cast<std::size_t>(slot)] = 0;
}

void RowCache::flush() {
  for (std::int64_t slot = 0; hot_ != nullptr && slot < hot_->size(); ++slot) {
    if (updates_[static_cast<std::size_t>(slot)] > 0) exchange(slot);
  }
}

}  // namespace langzoo
