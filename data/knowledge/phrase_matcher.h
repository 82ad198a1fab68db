/// Known phrases in sequences of ids, whatever the ids are of: the tokens of entities' names, words. No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace langzoo {

struct PhraseMatch {
  std::size_t begin = 0, end = 0;  ///< of the sequence
  std::int64_t phrase = 0;
  bool operator==(const PhraseMatch&) const = default;
};

/// A trie. Any number of threads may look phrases up.
class PhraseMatcher {
 public:
  /// One of the same ids that was added before stays. Throws std::invalid_argument for an empty one.
  void add(std::span<const std::int64_t> ids, std::int64_t phrase);
  bool empty() const { return steps_.empty(); }
  /// From left to right the longest phrase that begins at each place; none overlap.
  std::vector<PhraseMatch> longest_matches(std::span<const std::int64_t> ids) const;

 private:
  struct Step {
    std::int64_t node, id;
    bool operator==(const Step&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Step& step) const;
  };

  std::unordered_map<Step, std::int64_t, Hash> steps_;      ///< to the next node; 0 is the root
  std::unordered_map<std::int64_t, std::int64_t> phrases_;  ///< that end at a node
};

}  // namespace langzoo
