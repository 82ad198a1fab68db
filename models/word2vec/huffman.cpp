#include "models/word2vec/huffman.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

namespace langzoo {

HuffmanTree::HuffmanTree(std::span<const std::int64_t> counts) {
  const auto v = static_cast<std::int64_t>(counts.size());
  if (v < 2) throw std::invalid_argument("a Huffman tree needs at least 2 words, not " + std::to_string(v));
  const auto count = [&](auto word) { return counts[static_cast<std::size_t>(word)]; };
  std::vector<std::int32_t> order(counts.size());  // most frequent first
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return count(a) > count(b); });
  if (count(order.back()) < 1) {
    throw std::invalid_argument("word " + std::to_string(order.back()) + " has a count of " +
                                std::to_string(count(order.back())) + ", not of 1 or more");
  }
  // Leaves are sorted and inner nodes are made in the order of their weight, so the two lightest nodes are always at
  // the end of the leaves left or at the beginning of the inner nodes left: no queue is needed. Nodes: v leaves by
  // rank, then inner ones.
  const auto nodes = static_cast<std::size_t>(2 * v - 1);
  std::vector<std::int64_t> weight(nodes);
  std::vector<std::int32_t> parent(nodes);
  std::vector<std::uint8_t> side(nodes);
  for (std::size_t rank = 0; rank < order.size(); ++rank) weight[rank] = count(order[rank]);
  std::int64_t leaves_left = v, next_inner = v;
  for (std::int64_t made = v; made < 2 * v - 1; ++made) {
    for (const std::uint8_t code : {std::uint8_t{0}, std::uint8_t{1}}) {
      const auto inner = static_cast<std::size_t>(next_inner), leaf = static_cast<std::size_t>(leaves_left - 1);
      const bool take_leaf = leaves_left > 0 && (next_inner >= made || weight[leaf] < weight[inner]);
      const auto node = static_cast<std::size_t>(take_leaf ? --leaves_left : next_inner++);
      weight[static_cast<std::size_t>(made)] += weight[node];
      parent[node] = static_cast<std::int32_t>(made);
      side[node] = code;
    }
  }

  std::vector<std::int64_t> rank_of(order.size());
  for (std::size_t rank = 0; rank < order.size(); ++rank)
    rank_of[static_cast<std::size_t>(order[rank])] = static_cast<std::int64_t>(rank);
  begins_.push_back(0);
  for (const auto leaf : rank_of) {
    for (auto node = leaf; node != 2 * v - 2; node = parent[static_cast<std::size_t>(node)]) {
      nodes_.push_back(parent[static_cast<std::size_t>(node)] - static_cast<std::int32_t>(v));
      codes_.push_back(side[static_cast<std::size_t>(node)]);
    }
    const auto begin = begins_.back(), end = static_cast<std::int64_t>(nodes_.size());
    std::reverse(nodes_.begin() + begin, nodes_.end());
    std::reverse(codes_.begin() + begin, codes_.end());
    depth_ = std::max(depth_, end - begin);
    begins_.push_back(end);
  }
}

}  // namespace langzoo
