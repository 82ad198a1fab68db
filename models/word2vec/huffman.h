/// The tree of hierarchical softmax: frequent words near the root (Mikolov et al. 2013, section 2.1; word2vec.c).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace langzoo {

/// A Huffman tree over V words with V - 1 inner nodes. The inner nodes are numbered in the order they were made, so the
/// root is V - 2; of two nodes that are joined, the lighter is the left one, code 0. Ties go as in word2vec.c.
class HuffmanTree {
 public:
  /// Throws std::invalid_argument for fewer than 2 words, or a count below 1.
  explicit HuffmanTree(std::span<const std::int64_t> counts);

  std::int64_t num_words() const { return static_cast<std::int64_t>(begins_.size()) - 1; }
  /// The inner nodes from the root to the word, and at each whether the path goes right.
  std::span<const std::int32_t> nodes(std::int64_t word) const { return slice(nodes_, word); }
  std::span<const std::uint8_t> codes(std::int64_t word) const { return slice(codes_, word); }
  std::int64_t depth() const { return depth_; }  ///< of the longest code

 private:
  template <class T>
  std::span<const T> slice(const std::vector<T>& all, std::int64_t word) const {
    const auto begin = begins_[static_cast<std::size_t>(word)], end = begins_[static_cast<std::size_t>(word) + 1];
    return {all.data() + begin, static_cast<std::size_t>(end - begin)};
  }

  std::vector<std::int64_t> begins_;
  std::vector<std::int32_t> nodes_;
  std::vector<std::uint8_t> codes_;
  std::int64_t depth_ = 0;
};

}  // namespace langzoo
