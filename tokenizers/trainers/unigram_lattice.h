/// The segmentations of a word into pieces: internal to the Unigram trainer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tokenizers/trainers/unigram_text.h"

namespace langzoo {

/// Finds the pieces that begin at a place.
class UnigramTrie {
 public:
  UnigramTrie(const UnigramText& text, std::span<const UnigramPiece> pieces);

  /// Calls visit(length, piece) for the pieces that begin at `symbols`, which kEnd ends, the shortest first.
  template <class Visit>
  void for_each_prefix(const std::uint32_t* symbols, Visit&& visit) const {
    std::uint32_t node = 0;
    for (std::uint32_t length = 1; symbols[length - 1] != UnigramText::kEnd; ++length) {
      const Entry& entry = entries_[find(node, symbols[length - 1])];
      if (entry.key == kFree) return;
      if (entry.piece != kNoPiece) visit(length, entry.piece);
      node = entry.child;
    }
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};
  static constexpr std::uint32_t kNoPiece = ~std::uint32_t{0};
  struct Entry {
    std::uint64_t key = kFree;  // node and symbol
    std::uint32_t child = 0;
    std::uint32_t piece = kNoPiece;
  };

  /// The slot of a node's edge, or the free one where it would stand.
  std::size_t find(std::uint32_t node, std::uint32_t symbol) const {
    const std::uint64_t key = static_cast<std::uint64_t>(node) << 32 | symbol;
    std::size_t slot = (key * 0x9E3779B97F4A7C15u) >> shift_;
    while (entries_[slot].key != key && entries_[slot].key != kFree) slot = (slot + 1) & (entries_.size() - 1);
    return slot;
  }
  void grow();

  std::vector<Entry> entries_;  // open addressing, a power of two
  int shift_;
};

/// One word's segmentations. Every character has to be a piece. Working memory is kept between words.
class UnigramLattice {
 public:
  UnigramLattice(const UnigramTrie& trie, std::span<const UnigramPiece> pieces) : trie_(trie), pieces_(pieces) {}

  /// Adds to expected(piece, share): how often each piece occurs on average over all segmentations, weighted by their
  /// probabilities. Returns the log of the sum of these.
  template <class Expected>
  double expect(const std::uint32_t* symbols, std::size_t size, Expected&& expected) {
    const double total = weigh(symbols, size);
    mass_.assign(size + 1, 0);
    mass_[0] = 1;
    for (std::size_t at = 0; at < size; ++at) {
      for (std::size_t e = first_edge_[at + 1]; e < first_edge_[at]; ++e) {
        const double share = mass_[at] * edges_[e].share;
        mass_[at + edges_[e].length] += share;
        expected(edges_[e].piece, share);
      }
    }
    return total;
  }

  /// The pieces of the most probable segmentation, without `left_out` (of the whole word) if any, and its log
  /// probability. Of equally probable ones, the one whose first difference is the shorter piece.
  struct Best {
    std::span<const std::uint32_t> pieces;
    double score;
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  Best best(const std::uint32_t* symbols, std::size_t size, std::uint32_t left_out = kNone);

 private:
  struct Edge {
    std::uint32_t length, piece;
    double share;  // of the segmentations from its beginning on, those that begin with it
  };

  /// From the end to the beginning: sums of the probabilities of all segmentations of what follows a position, and the
  /// edges with their shares in them.
  double weigh(const std::uint32_t* symbols, std::size_t size);

  const UnigramTrie& trie_;
  std::span<const UnigramPiece> pieces_;
  std::vector<Edge> edges_;              // those of the last position first
  std::vector<std::size_t> first_edge_;  // by position: edges_[first_edge_[at + 1], first_edge_[at]) begin at `at`
  std::vector<double> scores_;           // by position: log probability of what follows
  std::vector<double> mass_;             // by position: of the segmentations that cut there
  std::vector<std::uint32_t> choices_, path_;
};

}  // namespace langzoo
