/// The merging of one piece, and the tables it needs: internal to both kinds of BPE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tokenizers/byte_level_bpe.h"
#include "tokenizers/sampling.h"

namespace langzoo {

/// (left, right) -> rank and result, an open-addressed table of 16 bytes an entry.
class MergeTable {
 public:
  explicit MergeTable(std::span<const BpeMerge> merges);

  /// Rank in the high half, result in the low one: the smaller value merges first. kNone where the pair never merges.
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  std::uint64_t find(TokenId left, TokenId right) const {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t slot = slot_of(key);; slot = (slot + 1) & mask_) {
      if (entries_[slot].key == key) return entries_[slot].merge;
      if (entries_[slot].key == kNone) return kNone;
    }
  }

 private:
  struct Entry {
    std::uint64_t key = kNone;
    std::uint64_t merge = kNone;
  };
  static std::uint64_t key_of(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }
  std::size_t slot_of(std::uint64_t key) const { return (key * 0x9E3779B97F4A7C15u) >> shift_; }

  std::vector<Entry> entries_;
  std::size_t mask_ = 0;
  int shift_ = 0;
};

/// The symbols of a piece: the byte each begins at, and its id.
struct BpeSymbol {
  std::uint32_t begin;
  TokenId id;
};

/// Merges the pair of least rank, the leftmost of several, until no pair merges. Working memory is kept between calls.
class BpeMerger {
 public:
  /// Leaves the merged symbols at the front of `symbols`, resized to them.
  void merge(const MergeTable& table, std::vector<BpeSymbol>& symbols);
  /// The same, but before every merge each pair is left out with probability sampling.bpe_dropout (Provilkov et al.
  /// 2020, algorithm 1); none left ends it.
  void merge(const MergeTable& table, std::vector<BpeSymbol>& symbols, SubwordSampling& sampling);

 private:
  void merge_short(const MergeTable& table, std::vector<BpeSymbol>& symbols);
  void merge_long(const MergeTable& table, std::vector<BpeSymbol>& symbols, SubwordSampling* sampling);
  void give_back_memory();

  std::vector<std::uint64_t> pending_;  // what each symbol and its right neighbour merge into
  std::vector<std::uint64_t> heap_;     // long pieces: rank and position
  std::vector<std::uint64_t> dropped_;  // entries that this merge leaves out
  std::vector<std::uint32_t> next_, previous_;
};

}  // namespace langzoo
