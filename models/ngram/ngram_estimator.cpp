#include "models/ngram/ngram_estimator.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <exception>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "data/files/as_size.h"
#include "data/files/cpus.h"
#include "models/ngram/ngram_file.h"
#include "models/ngram/row_sorter.h"

namespace langzoo {

namespace {

// How rows have words: nothing before the beginning of a sentence, "<s>", then words from kFirstWord on.
constexpr std::uint32_t kNothing = 0, kStart = 1, kFirstWord = 2;
/// Of a count's upper half: the n-gram is to be left out.
constexpr std::uint32_t kPruned = std::uint32_t{1} << 31;

/// What streams, and the text that is read, take beside the rows.
constexpr std::size_t kBuffers = std::size_t{1} << 19;

std::uint64_t count_in(const std::uint32_t* halves) {
  return std::uint64_t{halves[1] & ~kPruned} << 32 | halves[0];
}
void put_count(std::uint32_t* halves, std::uint64_t count, bool pruned = false) {
  halves[0] = static_cast<std::uint32_t>(count);
  halves[1] = static_cast<std::uint32_t>(count >> 32) | (pruned ? kPruned : 0);
}

/// By the last word first, then the one before it: an n-gram stands behind the one that it lengthens to the left.
RowOrder by_suffix(std::size_t words, std::size_t more) {
  RowOrder order{.width = words + more};
  for (std::size_t i = words; i-- > 0;) order.columns.push_back(i);
  return order;
}
/// By the history, as by_suffix() has it, then by the word: of rows that come in the order of by_suffix().
RowOrder by_history(std::size_t words, std::size_t more) {
  RowOrder order{.width = words + more};
  for (std::size_t i = words - 1; i-- > 0;) order.columns.push_back(i);
  return order;
}
/// As by_suffix(), of rows that come in the order of by_history().
RowOrder by_last_word(std::size_t words, std::size_t more) {
  return {.width = words + more, .columns = {words - 1}};
}

void check(const NGramOptions& options) {
  if (options.order < 1 || options.order > kLargestNGramOrder) {
    throw std::invalid_argument(fmt::format("order {}: expected 1 to {}", options.order, kLargestNGramOrder));
  }
  if (!(options.k > 0 && std::isfinite(options.k))) {
    throw std::invalid_argument(fmt::format("k {}: expected a positive number", options.k));
  }
  if (!(options.backoff_factor >= 0 && options.backoff_factor <= 1)) {
    throw std::invalid_argument(fmt::format("backoff_factor {}: expected 0 to 1", options.backoff_factor));
  }
  const auto& prune = options.prune;
  if (!prune.empty() && (prune[0] != 0 || !std::is_sorted(prune.begin(), prune.end()))) {
    throw std::invalid_argument(
        fmt::format("prune {}: expected 0 first, then numbers that never decrease", fmt::join(prune, " ")));
  }
  if (std::ssize(prune) > options.order) {
    throw std::invalid_argument(fmt::format("prune {}: is of n-grams of up to {} words, and order is {}",
                                            fmt::join(prune, " "), prune.size(), options.order));
  }
  const bool kneser_ney = options.smoothing <= NGramSmoothing::kKneserNey;
  if (!prune.empty() && prune.back() > 0 && !kneser_ney)
    throw std::invalid_argument("prune: only Kneser-Ney smoothing has it");
}

}  // namespace

/// The stages of an estimation. Each hands rows to the next one, in the order that it needs.
struct NGramEstimator::Parts {
  /// Discounts and the counts of counts that they come from, in the precision of what is written.
  struct Discounts {
    std::array<std::uint64_t, 5> counts_of_counts{};
    std::array<float, 4> amount{};  ///< by count, 3 for more

    float of(std::uint64_t count) const { return amount[std::min<std::uint64_t>(count, 3)]; }
    float discounted(std::uint64_t count) const { return static_cast<float>(count) - of(count); }

    /// Equation 26, or one discount for all. What is wrong with them, or nothing.
    std::string choose(bool modified) {
      const auto& n = counts_of_counts;
      for (std::size_t count = 1; count <= (modified ? 3 : 2); ++count) {
        if (n[count] == 0) return fmt::format("no n-gram of this order has the (adjusted) count {}", count);
      }
      const float y =
          static_cast<float>(n[1]) / static_cast<float>(static_cast<double>(n[1]) + 2.0 * static_cast<double>(n[2]));
      for (std::size_t count = 1; count <= 3; ++count) {
        const auto own = static_cast<float>(count);
        amount[count] =
            modified ? own - (own + 1) * y * static_cast<float>(n[count + 1]) / static_cast<float>(n[count]) : y;
        if (amount[count] < 0 || amount[count] > own) {
          return fmt::format("that of count {} would be {}", count, amount[count]);
        }
      }
      return {};
    }
  };

  Parts(const NGramOptions& chosen, std::filesystem::path temporary)
      : options(chosen),
        beside(std::move(temporary)),
        order(as_size(chosen.order)),
        window(order, kNothing),
        text(text_order(), chosen.memory / 4, beside) {}

  RowOrder text_order() const {
    auto rows = by_suffix(order, 2);
    rows.sum_equal = true;
    return rows;
  }
  bool kneser_ney() const { return options.smoothing <= NGramSmoothing::kKneserNey; }
  bool pruned(std::size_t length, std::uint64_t count) const {
    if (options.prune.empty() || length == 1) return false;
    const std::size_t last = options.prune.size() - 1;
    return count <= static_cast<std::uint64_t>(options.prune[std::min(length - 1, last)]);
  }
  RowSorter sorter(RowOrder rows, std::size_t bytes) const { return {std::move(rows), bytes, beside}; }

  void share_memory(std::size_t taken);
  void adjust_counts();
  void emit(std::size_t length, const std::uint32_t* words, std::uint64_t count, std::uint64_t occurrences);
  void choose_discounts();
  void weigh(std::size_t length);
  void weigh_all();
  void weigh_words();
  void interpolate();
  void write(std::ostream& out, const NGramVocabulary* words);

  const NGramOptions options;
  const std::filesystem::path beside;
  const std::size_t order;
  std::vector<std::uint32_t> window;  ///< the last words
  RowSorter text;                     ///< the longest n-gram at each word of the text, and its count

  std::size_t vocabulary = 0, sentence_end = 0, counting_memory = 0;
  std::vector<std::uint64_t> word_counts;
  std::vector<Discounts> discounts;  ///< by length - 1; likewise below
  std::vector<RowSorter> counted;    ///< n-grams of 2 words and more with their counts, by history
  /// The same with what interpolation needs, by suffix: the node of the history, P(w | h) before, gamma(h).
  std::vector<RowSorter> weighed;
  std::vector<RowSorter> histories;  ///< that n-grams continue: words, weight and only word, by suffix
  std::vector<std::uint64_t> num_histories, num_ngrams, first_node;
  float word_gamma = 0;
  std::uint32_t start_node = 0;

  std::vector<NGramFile::Unigram> unigrams;
  std::vector<RowSorter> nodes;    ///< by length, as in the file
  std::vector<RowSorter> entries;  ///< likewise, by key
};

/// Gives the stages what the words leave. When one hands over to the next, both are there.
void NGramEstimator::Parts::share_memory(std::size_t taken) {
  taken += vocabulary * (sizeof(std::uint64_t) + sizeof(NGramFile::Unigram)) + kBuffers;
  if (taken > options.memory / 2) {
    throw std::runtime_error(fmt::format("memory = {}K is too little for {} words: take {}M", options.memory >> 10,
                                         vocabulary, (taken >> 19) + 1));
  }
  const std::size_t unit = (options.memory - taken) / 8;
  counting_memory = 3 * unit;
  for (std::size_t length = 2; length <= order; ++length) {
    weighed.push_back(sorter(by_last_word(length, 3), 3 * unit / order));
    histories.push_back(sorter({.width = length + 1}, unit / 2 / order));
    nodes.push_back(sorter({.width = 3}, unit / 2 / order));
    entries.push_back(sorter({.width = 4, .columns = {0}}, 2 * unit / order));
  }
  num_histories.resize(order + 1);
}

/// From how often the longest n-grams occur to what is counted of all: a row is compared with the one before it, whose
/// endings it shares up to some length; the longer endings are new, and the longest shared one has a new word before.
void NGramEstimator::Parts::adjust_counts() {
  for (std::size_t length = 2; length <= order; ++length) {
    counted.push_back(sorter(by_history(length, 2), counting_memory / order));
  }
  word_counts.resize(vocabulary);
  discounts.resize(order);
  num_ngrams.resize(order);
  std::vector<std::uint32_t> last(order, kNothing);
  std::vector<std::uint64_t> counts(order + 1), occurrences(order + 1);  // of the endings of `last` by length
  std::size_t last_length = 0;
  // Those longer than `shared` do not occur again.
  const auto finish = [&](std::size_t shared) {
    for (std::size_t length = last_length; length > shared; --length) {
      emit(length, last.data() + order - length, counts[length], occurrences[length]);
    }
  };
  for (text.sort(); text.row() != nullptr; text.advance()) {
    const std::uint32_t* row = text.row();
    const std::uint64_t count = count_in(row + order);
    std::size_t length = order;
    while (row[order - length] == kNothing) --length;
    std::size_t shared = 0;
    while (shared < std::min(length, last_length) && row[order - 1 - shared] == last[order - 1 - shared]) ++shared;
    finish(shared);
    for (std::size_t i = 1; i <= shared; ++i) occurrences[i] += count;
    if (shared > 0) ++counts[shared];
    for (std::size_t i = shared + 1; i <= length; ++i) {
      counts[i] = i < length ? 1 : count;
      occurrences[i] = count;
    }
    last.assign(row, row + order);
    last_length = length;
  }
  finish(0);
  text = sorter({}, 0);
}

void NGramEstimator::Parts::emit(std::size_t length, const std::uint32_t* words, std::uint64_t count,
                                 std::uint64_t occurrences) {
  if (!kneser_ney()) count = occurrences;
  if (count < 5) ++discounts[length - 1].counts_of_counts[count];
  if (length == 1) {
    const std::uint32_t word = words[0] - kFirstWord;
    if (word >= vocabulary) throw std::invalid_argument(fmt::format("word {} of a vocabulary of {}", word, vocabulary));
    word_counts[word] = count;
    return;
  }
  std::uint32_t* row = counted[length - 2].add();
  std::copy(words, words + length, row);
  put_count(row + length, count, pruned(length, occurrences));
}

void NGramEstimator::Parts::choose_discounts() {
  if (!kneser_ney()) return;
  for (std::size_t i = 0; i < order; ++i) {
    const auto fault = discounts[i].choose(options.smoothing == NGramSmoothing::kModifiedKneserNey);
    if (fault.empty()) continue;
    if (!options.discount_fallback) {
      throw std::runtime_error(fmt::format(
          "order {}: the counts of counts give no discount: {}. The text is small or artificial: take a lower "
          "model.order, another model.smoothing, or model.discount_fallback=true",
          i + 1, fault));
    }
    discounts[i].amount = {0, 0.5F, 1, 1.5F};
  }
}

/// P before interpolation, and the weight of each history: gamma, or what an unseen word has.
void NGramEstimator::Parts::weigh(std::size_t length) {
  RowSorter& rows = counted[length - 2];
  const Discounts& discount = discounts[length - 1];
  const std::size_t history = length - 1;
  std::vector<std::uint32_t> group;
  const std::size_t width = length + 2;
  rows.sort();
  while (rows.row() != nullptr) {
    group.clear();
    std::uint64_t sum = 0, mass = 0;
    std::array<std::uint64_t, 4> kinds{};
    std::uint32_t following = 0, last_word = 0;  // of what is not left out
    const auto in_group = [&](const std::uint32_t* row) {
      return row != nullptr && (group.empty() || std::equal(row, row + history, group.data()));
    };
    while (in_group(rows.row())) {
      const std::uint64_t count = count_in(rows.row() + length);
      const bool left_out = (rows.row()[length + 1] & kPruned) != 0;
      sum += count;
      if (left_out) {
        mass += count;
      } else {
        ++kinds[std::min<std::uint64_t>(count, 3)];
        ++following;
        last_word = rows.row()[history];
      }
      group.insert(group.end(), rows.row(), rows.row() + width);
      rows.advance();
    }
    if (following == 0) continue;
    const auto total = static_cast<float>(sum);
    const double k = options.k, smoothed = static_cast<double>(sum) + k * static_cast<double>(vocabulary);
    float gamma = 0;
    float weight = 0;
    if (kneser_ney()) {
      for (std::size_t i = 1; i <= 3; ++i) gamma += discount.amount[i] * static_cast<float>(kinds[i]);
      gamma += static_cast<float>(mass);
      gamma /= total;
      weight = gamma;
    } else if (options.smoothing == NGramSmoothing::kAddK) {
      weight = static_cast<float>(k / smoothed);
    }
    const auto node = static_cast<std::uint32_t>(num_histories[history]++);
    std::uint32_t* of_history = histories[history - 1].add();
    std::copy_n(group.data(), history, of_history);
    of_history[history] = std::bit_cast<std::uint32_t>(weight);
    of_history[history + 1] = following == 1 ? last_word - kFirstWord : std::uint32_t(NGramFile::kSeveral);
    for (const std::uint32_t* row = group.data(); row != group.data() + group.size(); row += width) {
      if ((row[length + 1] & kPruned) != 0) continue;
      const std::uint64_t count = count_in(row + length);
      float p = 0;
      if (kneser_ney()) {
        p = discount.discounted(count) / total;
      } else if (options.smoothing == NGramSmoothing::kAddK) {
        p = static_cast<float>((static_cast<double>(count) + k) / smoothed);
      } else {
        p = static_cast<float>(static_cast<double>(count) / static_cast<double>(sum));
      }
      std::uint32_t* to = weighed[length - 2].add();
      std::copy_n(row, length, to);
      to[length] = node;
      to[length + 1] = std::bit_cast<std::uint32_t>(p);
      to[length + 2] = std::bit_cast<std::uint32_t>(gamma);
      ++num_ngrams[length - 1];
    }
  }
  rows = sorter({}, 0);
}

/// Lengths know nothing of each other: the longest, which take most time, first.
void NGramEstimator::Parts::weigh_all() {
  std::atomic<std::size_t> left{order};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      for (std::size_t length = left--; length > 1 && length <= order; length = left--) {
        weigh(length);
        weighed[length - 2].sort();
        histories[length - 2].sort();
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  const std::size_t threads = options.threads > 0 ? options.threads : available_cpus();
  std::vector<std::thread> others;
  while (others.size() + 1 < std::min(threads, order - 1)) others.emplace_back(work);
  work();
  for (auto& thread : others) thread.join();
  if (failure) std::rethrow_exception(failure);
}

/// The words themselves: P before interpolation stands in unigrams, the rest is word_gamma.
void NGramEstimator::Parts::weigh_words() {
  const Discounts& discount = discounts[0];
  std::uint64_t sum = 0;
  std::array<std::uint64_t, 4> kinds{};
  for (const std::uint64_t count : word_counts) {
    sum += count;
    if (count > 0) ++kinds[std::min<std::uint64_t>(count, 3)];
  }
  if (sum == 0) throw std::runtime_error("the text has no words");
  const auto total = static_cast<float>(sum);
  const double k = options.k, smoothed = static_cast<double>(sum) + k * static_cast<double>(vocabulary);
  if (kneser_ney()) {
    for (std::size_t i = 1; i <= 3; ++i) word_gamma += discount.amount[i] * static_cast<float>(kinds[i]);
    word_gamma /= total;
  }
  unigrams.resize(vocabulary);
  for (std::size_t word = 0; word < vocabulary; ++word) {
    const std::uint64_t count = word_counts[word];
    float& p = unigrams[word].log10_p;
    if (kneser_ney()) {
      p = discount.discounted(count) / total;
    } else if (options.smoothing == NGramSmoothing::kAddK) {
      p = static_cast<float>((static_cast<double>(count) + k) / smoothed);
    } else {
      p = static_cast<float>(static_cast<double>(count) / static_cast<double>(sum));
    }
  }
  num_ngrams[0] = vocabulary;
}

/// All lengths at once by suffix, each n-gram right behind the shorter one that it is interpolated with, whose node is
/// also the longest history that it leaves behind where it is none itself.
void NGramEstimator::Parts::interpolate() {
  first_node.assign(order + 1, 0);
  first_node[1] = 1;
  for (std::size_t length = 2; length <= order; ++length) {
    first_node[length] = first_node[length - 1] + num_histories[length - 1];
  }
  if (first_node[order] >= ~std::uint32_t{0}) throw std::runtime_error("more than 2^32 histories: take a lower order");
  const bool is_backoff = kneser_ney();
  const auto uniform = static_cast<float>(1.0 / static_cast<double>(static_cast<float>(vocabulary)));
  // Of the n-grams that are open, by length: each is the ending of the next.
  std::vector<std::uint32_t> words;
  std::vector<float> p(order + 1);
  std::vector<std::uint32_t> next(order + 1);
  p[0] = uniform;
  std::vector<std::uint64_t> seen(order);  // histories, by length
  // The node of the n-gram `words`, else that of its ending.
  const auto node_of = [&](const std::uint32_t* ngram, std::size_t length) {
    if (length == order) return next[length - 1];
    const std::uint32_t* row = histories[length - 1].row();
    if (row == nullptr || !std::equal(row, row + length, ngram)) return next[length - 1];
    std::uint32_t* node = nodes[length - 1].add();
    node[0] = std::bit_cast<std::uint32_t>(std::log10(std::bit_cast<float>(row[length])));
    node[1] = next[length - 1];
    node[2] = row[length + 1];
    histories[length - 1].advance();
    return static_cast<std::uint32_t>(first_node[length] + seen[length]++);
  };
  const auto add_entry = [&](const std::uint32_t* row, std::size_t length) {
    const auto u = std::bit_cast<float>(row[length + 1]), gamma = std::bit_cast<float>(row[length + 2]);
    p[length] = is_backoff ? u + gamma * p[length - 1] : u;
    next[length] = node_of(row, length);
    const auto history = static_cast<std::uint32_t>(first_node[length - 1] + row[length]);
    const std::uint64_t key = NGramFile::key(history, static_cast<std::int32_t>(row[length - 1] - kFirstWord));
    std::uint32_t* entry = entries[length - 2].add();
    entry[0] = static_cast<std::uint32_t>(key >> 32);
    entry[1] = static_cast<std::uint32_t>(key);
    entry[2] = std::bit_cast<std::uint32_t>(std::min(0.0F, std::log10(p[length])));
    entry[3] = next[length];
  };
  // "<s>" comes first: its number is the smallest.
  if (order > 1) start_node = node_of(&kStart, 1);
  for (std::size_t word = 0; word < vocabulary; ++word) {
    const auto number = static_cast<std::uint32_t>(word) + kFirstWord;
    auto& unigram = unigrams[word];
    p[1] = is_backoff ? unigram.log10_p + word_gamma * uniform : unigram.log10_p;
    next[1] = node_of(&number, 1);
    unigram = {std::min(0.0F, std::log10(p[1])), next[1]};
    // The open n-gram's words are the end of `words`.
    words.assign(order, kNothing);
    words[order - 1] = number;
    std::size_t open = 1;
    while (open > 0) {
      const std::uint32_t* row = open < order ? weighed[open - 1].row() : nullptr;
      if (row == nullptr || !std::equal(row + 1, row + open + 1, words.data() + order - open)) {
        --open;
        continue;
      }
      ++open;
      words[order - open] = row[0];
      add_entry(row, open);
      weighed[open - 2].advance();
    }
  }
}

void NGramEstimator::Parts::write(std::ostream& out, const NGramVocabulary* words) {
  NGramFile::Parts file;
  auto& header = file.header;
  header.order = static_cast<std::uint32_t>(order);
  header.vocabulary = static_cast<std::uint32_t>(vocabulary);
  header.sentence_end = static_cast<std::uint32_t>(sentence_end);
  switch (options.smoothing) {
    case NGramSmoothing::kModifiedKneserNey:
    case NGramSmoothing::kKneserNey:
      header.rule = UnseenRule::kBackoff;
      break;
    case NGramSmoothing::kAddK:
      header.rule = UnseenRule::kAddK;
      break;
    case NGramSmoothing::kStupidBackoff:
    case NGramSmoothing::kNone: {
      header.rule = UnseenRule::kFactor;
      const double factor = options.smoothing == NGramSmoothing::kNone ? 0 : options.backoff_factor;
      header.log10_factor = static_cast<float>(std::log10(factor));
      break;
    }
  }
  for (auto& rows : nodes) rows.sort();
  header.start = start_node;
  header.nodes = first_node[order];
  for (std::size_t length = 0; length <= order; ++length) {
    file.levels.push_back({length == 0 ? 0 : num_ngrams[length - 1], length == 0 ? 0 : first_node[length]});
  }
  file.words = words;
  file.unigrams = unigrams;
  std::size_t level = 0;
  bool at_root = true;
  file.next_node = [&]() -> NGramFile::Node {
    if (std::exchange(at_root, false)) return {0, 0, NGramFile::kSeveral};
    while (nodes[level].row() == nullptr) ++level;
    const std::uint32_t* row = nodes[level].row();
    const NGramFile::Node node{std::bit_cast<float>(row[0]), row[1], std::bit_cast<std::int32_t>(row[2])};
    nodes[level].advance();
    return node;
  };
  // Sorted by the upper half of their keys; the few that share one are put in order here.
  for (auto& rows : entries) rows.sort();
  std::size_t table = 0;
  std::vector<NGramFile::Entry> alike;
  file.next_entry = [&]() -> NGramFile::Entry {
    if (alike.empty()) {
      while (entries[table].row() == nullptr) ++table;
      RowSorter& rows = entries[table];
      const std::uint32_t upper = rows.row()[0];
      for (const auto* row = rows.row(); row != nullptr && row[0] == upper; row = rows.row()) {
        alike.push_back({std::uint64_t{upper} << 32 | row[1], std::bit_cast<float>(row[2]), row[3]});
        rows.advance();
      }
      if (alike.size() > 1) {
        std::sort(alike.begin(), alike.end(), [](const auto& a, const auto& b) { return a.key > b.key; });
      }
    }
    const auto entry = alike.back();
    alike.pop_back();
    return entry;
  };
  NGramFile::write(out, file);
}

NGramEstimator::NGramEstimator(const NGramOptions& options, std::filesystem::path beside) {
  check(options);
  parts_ = std::make_unique<Parts>(options, std::move(beside));
}
NGramEstimator::NGramEstimator(NGramEstimator&&) noexcept = default;
NGramEstimator::~NGramEstimator() = default;

void NGramEstimator::begin_sentence() {
  std::fill(parts_->window.begin(), parts_->window.end(), kNothing);
  parts_->window.back() = kStart;
}

void NGramEstimator::add(std::int32_t word) {
  auto& window = parts_->window;
  std::copy(window.begin() + 1, window.end(), window.begin());
  window.back() = static_cast<std::uint32_t>(word) + kFirstWord;
  std::uint32_t* row = parts_->text.add();
  std::copy(window.begin(), window.end(), row);
  put_count(row + window.size(), 1);
}

NGramEstimator::Result NGramEstimator::write(std::ostream& out, std::int32_t vocabulary, std::int32_t sentence_end,
                                             const NGramVocabulary* words) {
  Parts& parts = *parts_;
  parts.vocabulary = as_size(vocabulary);
  parts.sentence_end = as_size(sentence_end);
  parts.share_memory(words != nullptr ? words->memory() : 0);
  parts.adjust_counts();
  parts.choose_discounts();
  parts.weigh_words();
  parts.weigh_all();
  parts.interpolate();
  parts.write(out, words);
  Result result{parts.num_ngrams, {}};
  for (const auto& discount : parts.discounts) {
    if (parts.kneser_ney()) result.discounts.push_back({discount.amount[1], discount.amount[2], discount.amount[3]});
  }
  return result;
}

NGramModel estimate_ngrams(std::span<const std::span<const std::int32_t>> sentences, std::int32_t vocabulary,
                           std::int32_t sentence_end, const NGramOptions& options) {
  if (sentences.empty()) throw std::invalid_argument("no sentences to count");
  NGramEstimator estimator(options, std::filesystem::temp_directory_path() / "n-grams");
  for (const auto& sentence : sentences) {
    estimator.begin_sentence();
    for (const std::int32_t word : sentence) {
      if (word < 0 || word >= vocabulary) {
        throw std::invalid_argument(fmt::format("a word with the id {} of a vocabulary of {}", word, vocabulary));
      }
      estimator.add(word);
    }
    estimator.add(sentence_end);
  }
  std::ostringstream out;
  estimator.write(out, vocabulary, sentence_end, nullptr);
  return NGramModel(std::move(out).str());
}

}  // namespace langzoo
