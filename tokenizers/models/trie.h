/// A set of byte strings that is walked byte by byte: internal to the models.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizers/encoding.h"

namespace langzoo {

/// A double-array trie (Aoe 1989) in which the child for a byte lies at the node's base XOR the byte. Building takes
/// time and memory linear in the bytes of the keys, whatever they are.
class Trie {
 public:
  /// Keys and their ids, which are below kMaxVocabularySize; of equal keys the last counts. An empty key is the root.
  explicit Trie(std::vector<std::pair<std::string_view, TokenId>> keys);

  /// A place in the trie.
  class Node {
   public:
    /// Whether a key ends here, and its id.
    bool is_key() const { return tag_ < kNoKey; }
    TokenId id() const { return static_cast<TokenId>(tag_ >> kIdShift); }

   private:
    friend class Trie;
    static constexpr int kIdShift = 9;
    static constexpr std::uint32_t kInUse = 0x100, kLabel = 0x1FF, kNoKey = ~kLabel;

    std::uint32_t base_ = 0;
    std::uint32_t tag_ = kNoKey;  // id, whether the place is in use, and the byte that leads here
  };

  Node root() const { return root_; }
  /// Moves to the child for `byte`; false, and stays, where there is none.
  bool step(Node& node, char byte) const {
    const auto label = static_cast<unsigned char>(byte);
    const Node child = nodes_[node.base_ ^ label];
    if ((child.tag_ & Node::kLabel) != (Node::kInUse | label)) return false;
    node = child;
    return true;
  }

 private:
  class Builder;

  Node root_;
  std::vector<Node> nodes_;
};

}  // namespace langzoo
