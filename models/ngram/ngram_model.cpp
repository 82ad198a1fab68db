#include "models/ngram/ngram_model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "data/files/as_size.h"

namespace langzoo {

namespace {

constexpr std::int32_t kRoot = 0, kMissing = -1;

std::uint64_t key(std::int32_t node, std::int32_t word) {
  return std::uint64_t{static_cast<std::uint32_t>(node)} << 32 | static_cast<std::uint32_t>(word);
}
/// Which of the three discounts a count has.
std::size_t discount_of(std::int64_t count) {
  return as_size(std::min<std::int64_t>(count, 3) - 1);
}

/// Counts the n-grams of sentences.
class NGramCounter {
 public:
  NGramCounter(std::int32_t vocabulary, int order) : vocabulary_(vocabulary), order_(as_size(order)) {
    nodes_.push_back({kRoot, kMissing, 0, 0, false});
    find_or_add(kRoot, kSentenceStart, kRoot);
  }

  void count(std::span<const std::int32_t> sentence) {
    for (const std::int32_t word : sentence) {
      if (word < 0 || word >= vocabulary_) {
        throw std::invalid_argument(fmt::format("a word with the id {} of a vocabulary of {}", word, vocabulary_));
      }
    }
    // The n-grams that end at the last word, by length.
    std::vector<std::int32_t> before{kRoot}, now;
    if (order_ > 1) before.push_back(kStart);
    for (std::size_t i = 0; i <= sentence.size(); ++i) {
      const std::int32_t word = i < sentence.size() ? sentence[i] : kSentenceStop;
      now = {kRoot};
      for (const std::int32_t context : before) {
        now.push_back(find_or_add(context, word, now.back()));
        ++nodes_[as_size(now.back())].count;
      }
      now.resize(std::min(now.size(), order_));
      before.swap(now);
    }
  }

  NGramTree tree() {
    adjust_counts();
    std::vector<std::vector<std::pair<std::int32_t, std::int32_t>>> children(nodes_.size());  // word, node
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      children[as_size(nodes_[i].parent)].emplace_back(nodes_[i].word, static_cast<std::int32_t>(i));
    }
    NGramTree tree;
    std::vector<std::int32_t> order{kRoot};
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto node = as_size(order[i]);
      tree.words.push_back(nodes_[node].word);
      tree.counts.push_back(nodes_[node].count);
      tree.children.push_back(static_cast<std::int32_t>(order.size()));
      std::sort(children[node].begin(), children[node].end());
      for (const auto& [word, child] : children[node]) order.push_back(child);
    }
    tree.children.push_back(static_cast<std::int32_t>(order.size()));
    return tree;
  }

 private:
  static constexpr std::int32_t kStart = 1;  ///< the node of kSentenceStart
  struct Node {
    std::int32_t suffix;  ///< the n-gram without its first word
    std::int32_t parent;  ///< without its last
    std::int32_t word;    ///< that last
    std::int64_t count;
    bool from_start;  ///< its first word is kSentenceStart
  };

  std::int32_t find_or_add(std::int32_t node, std::int32_t word, std::int32_t suffix) {
    const auto [found, is_new] = ids_.try_emplace(key(node, word), static_cast<std::int32_t>(nodes_.size()));
    if (is_new) {
      const bool from_start = node == kRoot ? word == kSentenceStart : nodes_[as_size(node)].from_start;
      nodes_.push_back({suffix, node, word, 0, from_start});
    }
    return found->second;
  }

  /// From how often n-grams occur to how many words they follow, but for the longest and those from the start.
  void adjust_counts() {
    std::vector<std::size_t> lengths(nodes_.size());
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      lengths[i] = lengths[as_size(nodes_[i].parent)] + 1;
      if (lengths[i] < order_ && !nodes_[i].from_start) nodes_[i].count = 0;
    }
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      if (lengths[i] == 1) continue;
      Node& suffix = nodes_[as_size(nodes_[i].suffix)];
      suffix.count += !suffix.from_start;
    }
  }

  std::int32_t vocabulary_;
  std::size_t order_;
  std::vector<Node> nodes_;
  std::unordered_map<std::uint64_t, std::int32_t> ids_;  ///< by parent and word
};

NGramTree count_n_grams(std::span<const std::span<const std::int32_t>> sentences, std::int32_t vocabulary, int order) {
  if (order < 1) throw std::invalid_argument(fmt::format("order {}: expected at least 1", order));
  if (sentences.empty()) throw std::invalid_argument("no sentences to count");
  NGramCounter counter(vocabulary, order);
  for (const auto& sentence : sentences) counter.count(sentence);
  return counter.tree();
}

}  // namespace

NGramModel::NGramModel(std::span<const std::span<const std::int32_t>> sentences, std::int32_t vocabulary,
                       const NGramOptions& options)
    : NGramModel(count_n_grams(sentences, vocabulary, options.order), vocabulary, options) {}

NGramModel::NGramModel(NGramTree tree, std::int32_t vocabulary, const NGramOptions& options)
    : vocabulary_(vocabulary), options_(options), tree_(std::move(tree)) {
  const std::vector<std::int32_t> level_ends = check_tree();
  const auto histories = as_size(level_ends[level_ends.size() - 2]);
  following_.resize(histories);
  for (std::size_t node = 0; node < histories; ++node) {
    for (std::int32_t child = tree_.children[node]; child < tree_.children[node + 1]; ++child) {
      const std::int64_t count = tree_.counts[as_size(child)];
      if (count == 0) continue;  // the start of a sentence
      following_[node].count += count;
      ++following_[node].kinds[discount_of(count)];
    }
  }
  choose_discounts(level_ends);
}

/// Where the n-grams of each length end, from 0 to the order.
std::vector<std::int32_t> NGramModel::check_tree() const {
  const auto require = [](bool holds, std::size_t node, const char* what) {
    if (!holds) throw std::invalid_argument(fmt::format("n-gram {}: {}", node, what));
  };
  constexpr std::int64_t kLargestCount = std::int64_t{1} << 40;
  const std::size_t size = tree_.words.size();
  if (options_.order < 1) throw std::invalid_argument(fmt::format("order {}: expected at least 1", options_.order));
  if (size == 0 || tree_.counts.size() != size || tree_.children.size() != size + 1) {
    throw std::invalid_argument(fmt::format("{} words, {} counts and {} children are no tree of n-grams", size,
                                            tree_.counts.size(), tree_.children.size()));
  }
  require(tree_.children[0] == 1, 0, "its children do not begin behind it");
  require(as_size(tree_.children[size]) == size, size - 1, "its children do not end where all do");
  for (std::size_t i = 0; i < size; ++i) {
    require(tree_.children[i] > static_cast<std::int32_t>(i) && tree_.children[i] <= tree_.children[i + 1], i,
            "its children are out of order");
    require(tree_.counts[i] >= 0 && tree_.counts[i] <= kLargestCount, i, "its count is out of range");
    const bool known = tree_.words[i] >= kSentenceStop && tree_.words[i] < vocabulary_;
    require(i == 0 || known, i, "its word is not in the vocabulary");
  }
  for (std::size_t i = 0; i < size; ++i) {
    for (auto child = as_size(tree_.children[i]) + 1; child < as_size(tree_.children[i + 1]); ++child) {
      require(tree_.words[child - 1] < tree_.words[child], child, "its word is out of order");
    }
  }
  std::vector<std::int32_t> ends{1};
  for (int length = 1; length <= options_.order; ++length) ends.push_back(tree_.children[as_size(ends.back())]);
  require(as_size(ends.back()) == size, size - 1, "it is longer than the order");
  return ends;
}

void NGramModel::choose_discounts(const std::vector<std::int32_t>& level_ends) {
  for (std::size_t length = 0; length < level_ends.size(); ++length) {
    std::array<double, 5> n{};  // counts of counts
    for (auto i = length == 0 ? 0 : as_size(level_ends[length - 1]); i < as_size(level_ends[length]); ++i) {
      if (tree_.counts[i] <= 4) ++n[as_size(tree_.counts[i])];
    }
    Discounts discounts{};
    bool good = n[1] > 0 && n[2] > 0;
    const double y = n[1] / (n[1] + 2 * n[2]);
    for (std::size_t k = 1; k <= 3; ++k) {
      discounts[k - 1] =
          options_.modified ? static_cast<double>(k) - static_cast<double>(k + 1) * y * n[k + 1] / n[k] : y;
      good = good && discounts[k - 1] >= 0;  // not a number where n[k] is 0
    }
    discounts_.push_back(good ? discounts : Discounts{0.5, 1.0, 1.5});
  }
}

std::int32_t NGramModel::find(std::int32_t node, std::int32_t word) const {
  const auto begin = tree_.words.begin() + tree_.children[as_size(node)];
  const auto end = tree_.words.begin() + tree_.children[as_size(node) + 1];
  const auto found = std::lower_bound(begin, end, word);
  return found != end && *found == word ? static_cast<std::int32_t>(found - tree_.words.begin()) : kMissing;
}

double NGramModel::probability(std::span<const std::int32_t> context, std::int32_t word) const {
  double probability = 1.0 / (static_cast<double>(vocabulary_) + 1);
  const std::size_t longest = std::min(context.size(), as_size(options_.order) - 1);
  for (std::size_t length = 0; length <= longest; ++length) {
    std::int32_t node = kRoot;
    for (std::size_t i = context.size() - length; i < context.size() && node != kMissing; ++i) {
      node = find(node, context[i]);
    }
    if (node == kMissing || following_[as_size(node)].count == 0) break;
    const Following& following = following_[as_size(node)];
    const Discounts& discounts = discounts_[length + 1];
    double left_over = 0;
    for (std::size_t k = 0; k < 3; ++k) left_over += discounts[k] * static_cast<double>(following.kinds[k]);
    const std::int32_t ngram = find(node, word);
    const std::int64_t count = ngram == kMissing ? 0 : tree_.counts[as_size(ngram)];
    const double discounted = count == 0 ? 0 : static_cast<double>(count) - discounts[discount_of(count)];
    probability = (discounted + left_over * probability) / static_cast<double>(following.count);
  }
  return probability;
}

double NGramModel::log_probability(std::span<const std::int32_t> sentence) const {
  std::vector<std::int32_t> words{kSentenceStart};
  words.insert(words.end(), sentence.begin(), sentence.end());
  words.push_back(kSentenceStop);
  double sum = 0;
  for (std::size_t i = 1; i < words.size(); ++i) sum += std::log(probability(std::span(words).first(i), words[i]));
  return sum;
}

double NGramModel::perplexity(std::span<const std::span<const std::int32_t>> sentences) const {
  double sum = 0, words = 0;
  for (const auto& sentence : sentences) {
    sum += log_probability(sentence);
    words += static_cast<double>(sentence.size() + 1);
  }
  return std::exp(-sum / words);
}

}  // namespace langzoo
