#include "tokenizers/models/trie.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace langzoo {

namespace {

/// A set of the 256 places of a block.
using Places = std::array<std::uint64_t, 4>;

void insert(Places& places, std::uint32_t place) {
  places[place / 64] |= std::uint64_t{1} << (place % 64);
}

/// {place XOR label: place in `places`}: a swap of halves for every bit of the label.
Places shifted(const Places& places, std::uint32_t label) {
  static constexpr std::uint64_t kHalf[] = {0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F,
                                            0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0x00000000FFFFFFFF};
  Places result;
  for (std::uint32_t i = 0; i < result.size(); ++i) {
    std::uint64_t word = places[i ^ (label / 64)];
    for (int bit = 0; bit < 6; ++bit) {
      if (label >> bit & 1) word = (word >> (1 << bit) & kHalf[bit]) | (word & kHalf[bit]) << (1 << bit);
    }
    result[i] = word;
  }
  return result;
}

}  // namespace

class Trie::Builder {
 public:
  Builder(Trie& trie, std::vector<std::pair<std::string_view, TokenId>> keys) : trie_(trie), keys_(std::move(keys)) {
    std::stable_sort(keys_.begin(), keys_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    add_block();
    insert(blocks_[0].bases, 0);  // the base of nodes without children
    // Depth first, so that the nodes of a key lie near each other.
    std::vector<Range> pending = {{0, keys_.size(), 0, kRoot}};
    while (!pending.empty()) {
      const Range range = pending.back();
      pending.pop_back();
      expand(range, pending);
    }
  }

 private:
  static constexpr std::size_t kRoot = ~std::size_t{0};
  /// So many blocks are filled at a time; the oldest is closed for a new one.
  static constexpr std::size_t kOpenBlocks = 8;

  /// The keys [begin, end), equal in their first `depth` bytes, which lead to the node at `place`.
  struct Range {
    std::size_t begin, end, depth, place;
  };
  struct Block {
    std::size_t free = 256;
    Places used{};
    Places bases{};  // two nodes of one base would share their children
  };

  void add_block() {
    blocks_.emplace_back();
    trie_.nodes_.resize(trie_.nodes_.size() + 256);
  }

  void expand(Range range, std::vector<Range>& pending) {
    for (; range.begin < range.end && keys_[range.begin].first.size() == range.depth; ++range.begin) {
      std::uint32_t& tag = node_at(range.place).tag_;
      tag = (tag & Node::kLabel) | static_cast<std::uint32_t>(keys_[range.begin].second) << Node::kIdShift;
    }
    if (range.begin == range.end) return;
    labels_.clear();
    const std::size_t first = pending.size();
    for (std::size_t i = range.begin; i < range.end; ++i) {
      const auto label = static_cast<unsigned char>(keys_[i].first[range.depth]);
      if (labels_.empty() || labels_.back() != label) {
        labels_.push_back(label);
        pending.push_back({i, i, range.depth + 1, 0});
      }
      pending.back().end = i + 1;
    }
    const std::uint32_t base = find_base();
    node_at(range.place).base_ = base;
    Block& block = blocks_[base / 256];
    insert(block.bases, base % 256);
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      const std::uint32_t place = base ^ labels_[i];
      insert(block.used, place % 256);
      --block.free;
      trie_.nodes_[place].tag_ = Node::kNoKey | Node::kInUse | labels_[i];
      pending[first + i].place = place;
    }
  }

  Node& node_at(std::size_t place) { return place == kRoot ? trie_.root_ : trie_.nodes_[place]; }

  /// A base whose places for all of labels_ are free.
  std::uint32_t find_base() {
    for (std::size_t i = blocks_.size() - std::min(blocks_.size(), kOpenBlocks);; ++i) {
      if (i == blocks_.size()) add_block();
      if (blocks_[i].free < labels_.size()) continue;
      Places taken = blocks_[i].bases;
      for (const unsigned char label : labels_) {
        const Places places = shifted(blocks_[i].used, label);
        for (std::size_t k = 0; k < taken.size(); ++k) taken[k] |= places[k];
      }
      for (std::size_t k = 0; k < taken.size(); ++k) {
        const auto free = static_cast<std::size_t>(std::countr_one(taken[k]));
        if (free < 64) return static_cast<std::uint32_t>(i * 256 + k * 64 + free);
      }
    }
  }

  Trie& trie_;
  std::vector<std::pair<std::string_view, TokenId>> keys_;
  std::vector<Block> blocks_;
  std::vector<unsigned char> labels_;
};

Trie::Trie(std::vector<std::pair<std::string_view, TokenId>> keys) {
  Builder(*this, std::move(keys));
}

}  // namespace langzoo
