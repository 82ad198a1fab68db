#include "tokenizers/trainers/unigram_lattice.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace langzoo {

UnigramTrie::UnigramTrie(const UnigramText& text, std::span<const UnigramPiece> pieces) {
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(16, pieces.size() * 4));
  entries_.resize(size);
  shift_ = 64 - std::countr_zero(size);
  std::uint32_t nodes = 1;
  for (std::uint32_t piece = 0; piece < pieces.size(); ++piece) {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < pieces[piece].size; ++i) {
      const std::uint32_t symbol = text.symbols[pieces[piece].begin + i];
      std::size_t slot = find(node, symbol);
      if (entries_[slot].key == kFree) {
        if (2 * std::size_t{nodes} > entries_.size()) {
          grow();
          slot = find(node, symbol);
        }
        entries_[slot] = {static_cast<std::uint64_t>(node) << 32 | symbol, nodes++, kNoPiece};
      }
      node = entries_[slot].child;
      if (i + 1 == pieces[piece].size) entries_[slot].piece = piece;
    }
  }
}

void UnigramTrie::grow() {
  std::vector<Entry> old(entries_.size() * 2);
  old.swap(entries_);
  --shift_;
  for (const Entry& entry : old) {
    if (entry.key == kFree) continue;
    entries_[find(static_cast<std::uint32_t>(entry.key >> 32), static_cast<std::uint32_t>(entry.key))] = entry;
  }
}

double UnigramLattice::weigh(const std::uint32_t* symbols, std::size_t size) {
  edges_.clear();
  first_edge_.assign(size + 1, 0);
  scores_.assign(size + 1, 0);
  for (std::size_t at = size; at-- > 0;) {
    const std::size_t first = edges_.size();
    double most = -std::numeric_limits<double>::infinity();
    trie_.for_each_prefix(symbols + at, [&](std::uint32_t length, std::uint32_t piece) {
      if (at + length > size) return;
      const double score = pieces_[piece].score + scores_[at + length];
      edges_.push_back({length, piece, score});
      most = std::max(most, score);
    });
    double sum = 0;
    for (std::size_t e = first; e < edges_.size(); ++e) sum += edges_[e].share = std::exp(edges_[e].share - most);
    for (std::size_t e = first; e < edges_.size(); ++e) edges_[e].share /= sum;
    scores_[at] = most + std::log(sum);
    first_edge_[at] = edges_.size();
  }
  return scores_[0];
}

UnigramLattice::Best UnigramLattice::best(const std::uint32_t* symbols, std::size_t size, std::uint32_t left_out) {
  scores_.assign(size + 1, 0);
  choices_.assign(size, kNone);
  for (std::size_t at = size; at-- > 0;) {
    scores_[at] = -std::numeric_limits<double>::infinity();
    trie_.for_each_prefix(symbols + at, [&](std::uint32_t length, std::uint32_t piece) {
      if (at + length > size || piece == left_out) return;
      const double score = pieces_[piece].score + scores_[at + length];
      if (score <= scores_[at]) return;
      scores_[at] = score;
      choices_[at] = piece;
    });
  }
  path_.clear();
  for (std::size_t at = 0; at < size; at += pieces_[choices_[at]].size) path_.push_back(choices_[at]);
  return {path_, scores_[0]};
}

}  // namespace langzoo
