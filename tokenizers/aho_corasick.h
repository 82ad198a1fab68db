/// Finds many strings in a text at once (Aho and Corasick 1975), in time linear in the text whatever the strings are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace langzoo {

/// An automaton that reads texts backwards, so that it knows at every place the longest string that begins there.
class AhoCorasick {
 public:
  AhoCorasick() = default;
  /// At most 2^32 - 2 strings and bytes of strings. Empty strings are never found; of equal ones the first is.
  explicit AhoCorasick(std::span<const std::string_view> strings);

  bool empty() const { return nodes_.size() <= 1; }
  std::size_t longest() const { return longest_; }

  struct Match {
    std::size_t begin, size;
    std::size_t index;  // of the string
  };
  /// Calls visit(match) for the longest match at every place of `text` where one begins, the last place first.
  template <class Visit>
  void for_each_longest(std::string_view text, Visit&& visit) const {
    scan(text, [&](std::size_t begin, std::uint32_t node) {
      const std::uint32_t longest = nodes_[node].match;
      if (longest != kNone) visit(match(begin, longest));
    });
  }
  /// The same for all matches, at every place the longest first.
  template <class Visit>
  void for_each_match(std::string_view text, Visit&& visit) const {
    scan(text, [&](std::size_t begin, std::uint32_t node) {
      for (std::uint32_t m = nodes_[node].match; m != kNone; m = nodes_[nodes_[m].fail].match) visit(match(begin, m));
    });
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// What has been read ends in the bytes from the root to here, and in no longer beginning of a reversed string.
  struct Node {
    std::uint32_t first_child = 0;  // children lie side by side, by their bytes
    std::uint32_t fail = 0;         // the longest proper suffix that is a node
    std::uint32_t match = kNone;    // the node of the longest string that ends here
    std::uint32_t string = kNone;   // the string that this node is
    std::uint32_t depth = 0;
    std::uint16_t child_count = 0;
    unsigned char byte = 0;
  };

  Match match(std::size_t begin, std::uint32_t node) const { return {begin, nodes_[node].depth, nodes_[node].string}; }
  std::uint32_t child(std::uint32_t node, unsigned char byte) const;
  std::uint32_t step(std::uint32_t node, unsigned char byte) const;

  template <class AtNode>
  void scan(std::string_view text, AtNode&& at_node) const {
    if (empty()) return;
    std::uint32_t node = 0;
    for (std::size_t at = text.size(); at > 0;) {
      const auto byte = static_cast<unsigned char>(text[--at]);
      node = node == 0 ? from_root_[byte] : step(node, byte);
      if (node != 0) at_node(at, node);
    }
  }

  std::vector<Node> nodes_;
  std::array<std::uint32_t, 256> from_root_{};
  std::size_t longest_ = 0;
};

}  // namespace langzoo
