#include "tokenizers/aho_corasick.h"

#include <algorithm>
#include <utility>

namespace langzoo {

AhoCorasick::AhoCorasick(std::span<const std::string_view> strings) {
  // In the order of the reversed strings, those that share a node are neighbours.
  std::vector<std::uint32_t> order;
  for (std::size_t i = 0; i < strings.size(); ++i) {
    if (!strings[i].empty()) order.push_back(static_cast<std::uint32_t>(i));
    longest_ = std::max(longest_, strings[i].size());
  }
  const auto less = [](char a, char b) { return static_cast<unsigned char>(a) < static_cast<unsigned char>(b); };
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t i, std::uint32_t j) {
    const std::string_view a = strings[i], b = strings[j];
    return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend(), less);
  });

  // Breadth first: children of a node follow each other, and a node's fail is complete before it is needed.
  nodes_.emplace_back();
  std::vector<std::pair<std::size_t, std::size_t>> below = {{0, order.size()}};  // by node, into `order`
  for (std::uint32_t parent = 0; parent < nodes_.size(); ++parent) {
    auto [at, end] = below[parent];
    const std::uint32_t depth = nodes_[parent].depth;
    if (at < end && strings[order[at]].size() == depth) nodes_[parent].string = order[at];
    while (at < end && strings[order[at]].size() == depth) ++at;
    if (nodes_[parent].string != kNone) {
      nodes_[parent].match = parent;
    } else if (parent != 0) {
      nodes_[parent].match = nodes_[nodes_[parent].fail].match;
    }

    nodes_[parent].first_child = static_cast<std::uint32_t>(nodes_.size());
    while (at < end) {
      const auto byte_of = [&](std::uint32_t i) {
        return static_cast<unsigned char>(strings[i][strings[i].size() - 1 - depth]);
      };
      const unsigned char byte = byte_of(order[at]);
      const std::size_t first = at;
      while (at < end && byte_of(order[at]) == byte) ++at;
      Node node;
      node.byte = byte;
      node.depth = depth + 1;
      node.fail = parent == 0 ? 0 : step(nodes_[parent].fail, byte);
      if (parent == 0) from_root_[byte] = static_cast<std::uint32_t>(nodes_.size());
      ++nodes_[parent].child_count;
      nodes_.push_back(node);
      below.emplace_back(first, at);
    }
  }
}

std::uint32_t AhoCorasick::child(std::uint32_t node, unsigned char byte) const {
  const Node* const first = nodes_.data() + nodes_[node].first_child;
  const Node* const last = first + nodes_[node].child_count;
  const Node* const found =
      std::lower_bound(first, last, byte, [](const Node& n, unsigned char b) { return n.byte < b; });
  return found != last && found->byte == byte ? static_cast<std::uint32_t>(found - nodes_.data()) : kNone;
}

std::uint32_t AhoCorasick::step(std::uint32_t node, unsigned char byte) const {
  for (; node != 0; node = nodes_[node].fail) {
    const std::uint32_t next = child(node, byte);
    if (next != kNone) return next;
  }
  return from_root_[byte];
}

}  // namespace langzoo
