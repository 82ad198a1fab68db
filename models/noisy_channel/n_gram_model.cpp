#include "models/noisy_channel/n_gram_model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace langzoo {

namespace {

constexpr std::int32_t kRoot = 0, kMissing = -1;

std::size_t as_size(std::int64_t n) {
  return static_cast<std::size_t>(n);
}
std::uint64_t key(std::int32_t node, std::int32_t word) {
  return std::uint64_t{static_cast<std::uint32_t>(node)} << 32 | static_cast<std::uint32_t>(word);
}
/// Which of the three discounts a count has.
std::size_t discount_of(std::int64_t count) {
  return as_size(std::min<std::int64_t>(count, 3) - 1);
}

}  // namespace

NGramModel::NGramModel(std::span<const std::span<const std::int32_t>> sentences, std::int32_t vocabulary,
                       const NGramOptions& options)
    : vocabulary_(vocabulary), options_(options) {
  if (options.order < 1) throw std::invalid_argument(fmt::format("order {}: expected at least 1", options.order));
  if (sentences.empty()) throw std::invalid_argument("no sentences to count");
  nodes_.push_back({kRoot, kMissing, false});
  find_or_add(kRoot, kSentenceStart, kRoot);
  for (const auto& sentence : sentences) {
    for (const std::int32_t word : sentence) {
      if (word < 0 || word >= vocabulary) {
        throw std::invalid_argument(fmt::format("a word with the id {} of a vocabulary of {}", word, vocabulary));
      }
    }
    count(sentence);
  }
  const std::vector<int> lengths = this->lengths();
  adjust_counts(lengths);
  choose_discounts(lengths);
}

std::int32_t NGramModel::find(std::int32_t node, std::int32_t word) const {
  const auto found = children_.find(key(node, word));
  return found == children_.end() ? kMissing : found->second;
}

std::int32_t NGramModel::find_or_add(std::int32_t node, std::int32_t word, std::int32_t suffix) {
  const auto [found, is_new] = children_.try_emplace(key(node, word), static_cast<std::int32_t>(nodes_.size()));
  if (is_new) {
    const bool from_start = node == kRoot ? word == kSentenceStart : nodes_[as_size(node)].from_start;
    nodes_.push_back({suffix, node, from_start});
  }
  return found->second;
}

void NGramModel::count(std::span<const std::int32_t> sentence) {
  // The n-grams that end at the last word, by length.
  std::vector<std::int32_t> before{kRoot}, now;
  if (options_.order > 1) before.push_back(find(kRoot, kSentenceStart));
  for (std::size_t i = 0; i <= sentence.size(); ++i) {
    const std::int32_t word = i < sentence.size() ? sentence[i] : kSentenceStop;
    now = {kRoot};
    for (const std::int32_t context : before) {
      now.push_back(find_or_add(context, word, now.back()));
      ++nodes_[as_size(now.back())].count;
    }
    now.resize(std::min(now.size(), as_size(options_.order)));
    before.swap(now);
  }
}

std::vector<int> NGramModel::lengths() const {
  std::vector<int> lengths(nodes_.size());
  for (std::size_t i = 1; i < nodes_.size(); ++i) lengths[i] = lengths[as_size(nodes_[i].parent)] + 1;
  return lengths;
}

void NGramModel::adjust_counts(const std::vector<int>& lengths) {
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    if (lengths[i] < options_.order && !nodes_[i].from_start) nodes_[i].count = 0;
  }
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    if (lengths[i] > 1) {
      Node& suffix = nodes_[as_size(nodes_[i].suffix)];
      suffix.count += !suffix.from_start;
    }
  }
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    if (nodes_[i].count == 0) continue;  // the start of a sentence
    Node& parent = nodes_[as_size(nodes_[i].parent)];
    parent.following += nodes_[i].count;
    ++parent.following_by_count[discount_of(nodes_[i].count)];
  }
}

void NGramModel::choose_discounts(const std::vector<int>& lengths) {
  std::vector<std::array<double, 5>> counts_of_counts(as_size(options_.order) + 1);
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    if (nodes_[i].count <= 4) ++counts_of_counts[as_size(lengths[i])][as_size(nodes_[i].count)];
  }
  for (const auto& n : counts_of_counts) {
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

double NGramModel::probability(std::span<const std::int32_t> context, std::int32_t word) const {
  double probability = 1.0 / (static_cast<double>(vocabulary_) + 1);
  const std::size_t longest = std::min(context.size(), as_size(options_.order) - 1);
  for (std::size_t length = 0; length <= longest; ++length) {
    std::int32_t node = kRoot;
    for (std::size_t i = context.size() - length; i < context.size() && node != kMissing; ++i) {
      node = find(node, context[i]);
    }
    if (node == kMissing || nodes_[as_size(node)].following == 0) break;
    const Node& history = nodes_[as_size(node)];
    const Discounts& discounts = discounts_[length + 1];
    double left_over = 0;
    for (std::size_t k = 0; k < 3; ++k) left_over += discounts[k] * static_cast<double>(history.following_by_count[k]);
    const std::int32_t ngram = find(node, word);
    const std::int64_t count = ngram == kMissing ? 0 : nodes_[as_size(ngram)].count;
    const double discounted = count == 0 ? 0 : static_cast<double>(count) - discounts[discount_of(count)];
    probability = (discounted + left_over * probability) / static_cast<double>(history.following);
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
