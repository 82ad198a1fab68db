#include "models/word2vec/huffman.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace langzoo {

HuffmanTree::HuffmanTree(std::span<const std::int64_t> counts) {
  const auto v = static_cast<std::int64_t>(counts.size());
  if (v < 2) throw std::invalid_argument("a Huffman tree needs at least 2 words, not " + std::to_string(v));
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < 1 || (i > 0 && counts[i] > counts[i - 1])) {
      throw std::invalid_argument("counts must be positive and not increase: count " + std::to_string(counts[i]) +
                                  " of word " + std::to_string(i));
    }
  }
  // Words are sorted and inner nodes are made in the order of their weight, so the two lightest nodes are always at the
  // end of the words left or at the beginning of the inner nodes left: no queue is needed.
  std::vector<std::int64_t> weight(static_cast<std::size_t>(v - 1));
  std::vector<std::int32_t> parent(static_cast<std::size_t>(2 * v - 1));
  std::vector<std::uint8_t> side(static_cast<std::size_t>(2 * v - 1));
  std::int64_t words_left = v, next_inner = 0;
  for (std::int64_t made = 0; made < v - 1; ++made) {
    const auto lightest = [&] {
      const bool word = words_left > 0 && (next_inner >= made || counts[static_cast<std::size_t>(words_left - 1)] <
                                                                     weight[static_cast<std::size_t>(next_inner)]);
      return word ? --words_left : v + next_inner++;
    };
    std::int64_t total = 0;
    for (const std::uint8_t code : {std::uint8_t{0}, std::uint8_t{1}}) {
      const auto node = lightest();
      total += node < v ? counts[static_cast<std::size_t>(node)] : weight[static_cast<std::size_t>(node - v)];
      parent[static_cast<std::size_t>(node)] = static_cast<std::int32_t>(made);
      side[static_cast<std::size_t>(node)] = code;
    }
    weight[static_cast<std::size_t>(made)] = total;
  }

  const auto root = v - 2;
  begins_.push_back(0);
  for (std::int64_t word = 0; word < v; ++word) {
    for (auto node = word; node != v + root; node = v + parent[static_cast<std::size_t>(node)]) {
      nodes_.push_back(parent[static_cast<std::size_t>(node)]);
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
