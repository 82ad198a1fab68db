/// An n-gram language model with interpolated Kneser-Ney smoothing, plain or modified: Chen and Goodman, "An empirical
/// study of smoothing techniques for language modeling" (1999), section 3 and equations 26 to 29.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace langzoo {

inline constexpr std::int32_t kSentenceStart = -1;  ///< a context's first word, once
inline constexpr std::int32_t kSentenceStop = -2;   ///< what is predicted behind the last word

struct NGramOptions {
  int order = 3;         ///< the words of an n-gram, from 1
  bool modified = true;  ///< a discount each for counts 1, 2 and 3 or more; false: one discount
};

/// N-grams and their counts. Node 0 is the empty n-gram; node i is that of its parent and words[i]. The children of
/// node i are the nodes [children[i], children[i + 1]), in the order of their words; shorter n-grams come first.
struct NGramTree {
  std::vector<std::int32_t> words;
  std::vector<std::int32_t> children;  ///< one more than there are nodes
  std::vector<std::int64_t> counts;    ///< as Kneser-Ney counts, see NGramModel
};

/// P(w | h) = (c(h w) - D)+ / c(h) + gamma(h) P(w | h'), where h' is h without its first word; below the highest order
/// counts are numbers of different words before, N1+(. h w), but for what begins a sentence. The words themselves are
/// smoothed with 1 / V, V being the vocabulary and the stop. The probabilities of a context sum to 1.
class NGramModel {
 public:
  /// Words are ids in [0, vocabulary). Where counts of counts are too few for a discount (n1 or n2 is zero, or the
  /// discount would be negative) it is 0.5, 1 and 1.5 for counts 1, 2 and more. Throws std::invalid_argument for an id
  /// outside, an order below 1, no sentences.
  NGramModel(std::span<const std::span<const std::int32_t>> sentences, std::int32_t vocabulary,
             const NGramOptions& options = {});
  /// A tree as tree() gives it. Throws std::invalid_argument for one that is none.
  NGramModel(NGramTree tree, std::int32_t vocabulary, const NGramOptions& options);

  const NGramTree& tree() const { return tree_; }
  const NGramOptions& options() const { return options_; }
  int order() const { return options_.order; }
  std::int32_t vocabulary() const { return vocabulary_; }
  /// P(word | context); of the context the last order() - 1 words count. The word may be kSentenceStop, the context's
  /// first word kSentenceStart. A word outside the vocabulary has the probability of one never seen.
  double probability(std::span<const std::int32_t> context, std::int32_t word) const;
  /// log P of the sentence and its stop.
  double log_probability(std::span<const std::int32_t> sentence) const;
  /// exp of the mean -log P of all words and stops.
  double perplexity(std::span<const std::span<const std::int32_t>> sentences) const;

 private:
  /// The words that follow an n-gram.
  struct Following {
    std::int64_t count = 0;               ///< sum of their counts
    std::array<std::int64_t, 3> kinds{};  ///< how many of them have count 1, 2, 3 or more
  };
  using Discounts = std::array<double, 3>;

  /// -1 where the tree lacks it.
  std::int32_t find(std::int32_t node, std::int32_t word) const;
  std::vector<std::int32_t> check_tree() const;
  void choose_discounts(const std::vector<std::int32_t>& level_ends);

  std::int32_t vocabulary_;
  NGramOptions options_;
  NGramTree tree_;
  std::vector<Following> following_;  ///< of the nodes that may have children
  std::vector<Discounts> discounts_;  ///< by the length of the n-gram, from 1
};

}  // namespace langzoo
