#include "tokenizers/models/bpe_merger.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace langzoo {

namespace {

constexpr std::uint32_t kEnd = ~std::uint32_t{0};
/// Up to here a scan for the least rank beats a heap.
constexpr std::size_t kShort = 96;
/// Working memory beyond this many symbols is given back after a piece.
constexpr std::size_t kKeep = std::size_t{1} << 16;

}  // namespace

MergeTable::MergeTable(std::span<const BpeMerge> merges) {
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(16, merges.size() * 2));
  entries_.resize(size);
  mask_ = size - 1;
  shift_ = 64 - std::countr_zero(size);
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const BpeMerge& merge = merges[rank];
    const std::uint64_t key = key_of(merge.left, merge.right);
    std::size_t slot = slot_of(key);
    while (entries_[slot].key != kNone && entries_[slot].key != key) slot = (slot + 1) & mask_;
    entries_[slot] = {key, static_cast<std::uint64_t>(rank) << 32 | static_cast<std::uint32_t>(merge.result)};
  }
}

void BpeMerger::merge(const MergeTable& table, std::vector<BpeSymbol>& symbols) {
  if (symbols.size() < 2) return;
  if (symbols.size() <= kShort) {
    merge_short(table, symbols);
    return;
  }
  merge_long(table, symbols, nullptr);
  give_back_memory();
}

void BpeMerger::merge(const MergeTable& table, std::vector<BpeSymbol>& symbols, SubwordSampling& sampling) {
  if (symbols.size() < 2) return;
  merge_long(table, symbols, &sampling);
  give_back_memory();
}

void BpeMerger::give_back_memory() {
  if (next_.capacity() <= kKeep) return;
  pending_ = {};
  heap_ = {};
  dropped_ = {};
  next_ = {};
  previous_ = {};
}

void BpeMerger::merge_short(const MergeTable& table, std::vector<BpeSymbol>& symbols) {
  std::size_t n = symbols.size();
  pending_.resize(n);
  for (std::size_t i = 0; i + 1 < n; ++i) pending_[i] = table.find(symbols[i].id, symbols[i + 1].id);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i) {
      if (pending_[i] < pending_[best]) best = i;
    }
    if (pending_[best] == MergeTable::kNone) break;
    symbols[best].id = static_cast<TokenId>(pending_[best]);
    --n;
    for (std::size_t i = best + 1; i < n; ++i) {
      symbols[i] = symbols[i + 1];
      pending_[i] = pending_[i + 1];
    }
    if (best > 0) pending_[best - 1] = table.find(symbols[best - 1].id, symbols[best].id);
    if (best + 1 < n) pending_[best] = table.find(symbols[best].id, symbols[best + 1].id);
  }
  symbols.resize(n);
}

void BpeMerger::merge_long(const MergeTable& table, std::vector<BpeSymbol>& symbols, SubwordSampling* sampling) {
  const std::size_t n = symbols.size();
  pending_.assign(n, MergeTable::kNone);
  next_.resize(n);
  previous_.resize(n);
  heap_.clear();
  dropped_.clear();
  const auto later = std::greater<std::uint64_t>{};
  const auto entry = [](std::uint64_t merge, std::size_t at) { return (merge & ~std::uint64_t{kEnd}) | at; };
  for (std::size_t i = 0; i < n; ++i) {
    next_[i] = i + 1 < n ? static_cast<std::uint32_t>(i + 1) : kEnd;
    previous_[i] = i > 0 ? static_cast<std::uint32_t>(i - 1) : kEnd;
    if (i + 1 < n) pending_[i] = table.find(symbols[i].id, symbols[i + 1].id);
    if (pending_[i] != MergeTable::kNone) heap_.push_back(entry(pending_[i], i));
  }
  std::make_heap(heap_.begin(), heap_.end(), later);
  const auto push = [&](std::uint64_t added) {
    heap_.push_back(added);
    std::push_heap(heap_.begin(), heap_.end(), later);
  };
  const auto renew = [&](std::uint32_t at) {
    pending_[at] = next_[at] == kEnd ? MergeTable::kNone : table.find(symbols[at].id, symbols[next_[at]].id);
    if (pending_[at] != MergeTable::kNone) push(entry(pending_[at], at));
  };
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const std::uint64_t top = heap_.back();
    heap_.pop_back();
    const auto at = static_cast<std::uint32_t>(top);
    // An entry is stale when its symbol was merged away or has another neighbour by now.
    if (pending_[at] == MergeTable::kNone || entry(pending_[at], at) != top) continue;
    if (sampling != nullptr) {
      if (sampling->uniform() < sampling->bpe_dropout) {
        dropped_.push_back(top);
        continue;
      }
      for (const std::uint64_t again : dropped_) push(again);
      dropped_.clear();
    }
    symbols[at].id = static_cast<TokenId>(pending_[at]);
    const std::uint32_t gone = next_[at];
    pending_[gone] = MergeTable::kNone;
    next_[at] = next_[gone];
    if (next_[at] != kEnd) previous_[next_[at]] = at;
    renew(at);
    if (previous_[at] != kEnd) renew(previous_[at]);
  }
  std::size_t kept = 0;
  for (std::uint32_t i = 0; i != kEnd; i = next_[i]) symbols[kept++] = symbols[i];
  symbols.resize(kept);
}

}  // namespace langzoo
