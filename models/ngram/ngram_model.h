/// N-gram language models: P(w | h) of the words h before it, of which the last order - 1 count.
///
/// A model is one block of bytes, a file that is mapped or memory. Every history that some n-gram continues is a node;
/// a hash table has the n-grams by the node of their history and their last word, with the probability and the node of
/// the longest history that the n-gram leaves behind. So the state of a query is a node, one number, and a word costs
/// one look into the table and one more for each time that it backs off.
///
///     const auto model = NGramModel::load("run/model.ngram");
///     auto state = model.start();
///     const double nats = -model.log_probability(state, model.words().find("the"));
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "models/ngram/ngram_vocabulary.h"

namespace langzoo {

/// What a word's probability depends on. Of two histories with the same state every continuation is equally probable.
struct NGramState {
  std::uint32_t node = 0;   ///< the longest history that some n-gram continues
  std::uint32_t words = 0;  ///< words before, up to order - 1: 0 for models that back off with weights of their own
  bool operator==(const NGramState&) const = default;
  auto operator<=>(const NGramState&) const = default;
};

/// How a word is predicted that was never seen after its history h.
enum class UnseenRule : std::uint32_t {
  kBackoff,  ///< b(h) P(w | h'), where h' is h without its first word: Kneser-Ney's, ARPA files'
  kFactor,   ///< the same number for every h, also for one that was never seen: stupid back-off; 0: no smoothing
  kAddK,     ///< k / (c(h) + k V)
};

/// What a history leaves over, divided by what the shorter one does, which is a rounding error at least: a larger
/// weight is none.
inline constexpr float kLargestLog10Backoff = 100;

class NGramModel {
 public:
  using State = NGramState;

  /// Maps a file. Throws FileError for what is no such file; what is wrong with its n-grams is found when they are
  /// looked up (std::runtime_error).
  static NGramModel load(const std::filesystem::path& path);
  /// The bytes of such a file. Throws std::runtime_error.
  explicit NGramModel(std::string bytes);

  std::span<const std::byte> bytes() const { return bytes_; }
  /// Of a mapped model: what was read of the file counts as this process' memory no longer, until it is read again.
  void release_pages() const;

  int order() const { return order_; }
  UnseenRule unseen_rule() const { return rule_; }
  /// Whether an ARPA file can say what the model does.
  bool is_backoff() const { return rule_ == UnseenRule::kBackoff; }
  /// Words are ids in [0, vocabulary()).
  std::int32_t vocabulary() const { return vocabulary_; }
  std::int32_t sentence_end() const { return sentence_end_; }
  /// The words as text; those of a model that was made of ids alone are two: "<unk>", "</s>".
  const NGramVocabulary& words() const { return *words_; }
  bool has_words() const { return has_words_; }
  /// How many n-grams of 1 to order() words; "<s>" is none of them.
  const std::vector<std::uint64_t>& counts() const { return counts_; }

  /// Behind the beginning of a sentence.
  State start() const { return {start_, rule_ != UnseenRule::kBackoff && order_ > 1 ? 1u : 0u}; }
  /// Behind nothing.
  State empty() const { return {}; }
  /// log10 P(word | state); the state then is the one behind the word. Throws std::out_of_range for a word outside the
  /// vocabulary.
  double log10_probability(State& state, std::int32_t word) const {
    if (static_cast<std::uint32_t>(word) >= static_cast<std::uint32_t>(vocabulary_)) throw_no_word(word);
    if (rule_ != UnseenRule::kBackoff) return by_other_rule(state, word);
    float backed_off = 0;
    const Level* level = levels_.data() + order_ - 1;
    for (std::uint32_t node = state.node; node != 0; node = shorter(node)) {
      while (node < level->first_node) --level;
      if (const Entry* entry = find(*level, node, word)) {
        state.node = checked(entry->next);
        __builtin_prefetch(nodes_ + state.node);
        return static_cast<double>(backed_off_to(entry->log10_p, backed_off));
      }
      backed_off += nodes_[node].weight;
    }
    state.node = checked(unigrams_[word].next);
    __builtin_prefetch(nodes_ + state.node);
    return static_cast<double>(backed_off_to(unigrams_[word].log10_p, backed_off));
  }
  /// Natural logarithms.
  double log_probability(State& state, std::int32_t word) const {
    return log10_probability(state, word) * std::numbers::ln10;
  }
  /// Of every word: `all` has vocabulary() places.
  void log_probabilities(State state, std::span<double> all) const;

  /// P(word | context) of a context that begins a sentence, or of one cut out of it.
  double probability(State state, std::span<const std::int32_t> context, std::int32_t word) const;
  /// log P of the sentence and its end.
  double log_probability(std::span<const std::int32_t> sentence) const;
  /// exp of the mean -log P of all words and ends.
  double perplexity(std::span<const std::span<const std::int32_t>> sentences) const;

  /// All n-grams, the shorter ones first, those of a length sorted by their last word, then the one before it and so
  /// on: calls visit(words, log10_p, log10_backoff, is_history). -1 stands for "<s>", and comes behind 0; of what is no
  /// history the back-off is 0. Throws std::runtime_error for a damaged model.
  using Visit =
      std::function<void(std::span<const std::int32_t> words, float log10_p, float log10_backoff, bool is_history)>;
  void for_each_ngram(const Visit& visit) const;
  /// What an ARPA file has of "<s>".
  float start_log10_probability() const { return start_log10_p_; }
  float start_log10_backoff() const { return start_ == 0 ? 0 : weight(start_); }

 private:
  friend class NGramFile;
  // As in the file.
  struct Unigram {
    float log10_p;
    std::uint32_t next;  ///< node
  };
  struct Node {
    float weight;          ///< log10 of b(h), or of an unseen word's probability
    std::uint32_t suffix;  ///< the longest node of the words without the first
    std::int32_t only;     ///< the one word that follows in the table, as after most histories; or kSeveral
  };
  struct Entry {
    std::uint64_t key;  ///< mixed node and word; in ascending order
    float log10_p;
    std::uint32_t next;
  };
  /// Of the histories of one length: the table of what follows them. Those of short ones are small, and asked most.
  struct Level {
    std::uint32_t first_node = 0;
    std::uint64_t homes = 1, places = 0;
    const Entry* entries = nullptr;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  static constexpr std::uint32_t kNoNode = ~std::uint32_t{0};
  static constexpr std::int32_t kSeveral = -1;
  static constexpr std::uint64_t kMix1 = 0x9E3779B97F4A7C15, kMix2 = 0xD6E8FEB86659FD93;

  NGramModel() = default;
  void open(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  /// One to one, so that the table needs no other key, and evenly spread.
  static std::uint64_t mixed(std::uint32_t node, std::int32_t word) {
    std::uint64_t x = std::uint64_t{node} << 32 | static_cast<std::uint32_t>(word);
    x = (x ^ x >> 32) * kMix1;
    return (x ^ x >> 32) * kMix2;
  }
  /// Where a key's entry is, or would be but for those before it.
  static std::uint64_t home(std::uint64_t key, std::uint64_t homes) {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(key) * homes >> 64);
  }
  /// Entries ascend and the last place is empty, which ends every search.
  const Entry* find(const Level& level, std::uint32_t node, std::int32_t word) const {
    if (const std::int32_t only = nodes_[node].only; only != word && only != kSeveral) return nullptr;
    const std::uint64_t key = mixed(node, word);
    const Entry* entry = level.entries + home(key, level.homes);
    for (std::uint64_t before = 0; entry->key < key; ++entry) {
      if (entry->key <= before) throw_damaged();  // 0 is the key of nothing: that of no history
      before = entry->key;
    }
    return entry->key == key && entry->next != kNoNode ? entry : nullptr;
  }
  std::uint32_t shorter(std::uint32_t node) const {
    const std::uint32_t suffix = nodes_[node].suffix;
    if (suffix >= node) throw_damaged();
    return suffix;
  }
  std::uint32_t checked(std::uint32_t node) const {
    if (node >= num_nodes_) throw_damaged();
    return node;
  }
  float probability(float log10_p) const {
    if (!(log10_p <= 0)) throw_damaged();
    return log10_p;
  }
  /// One check of all weights on the way: whatever is added to NaN is NaN.
  float backed_off_to(float log10_p, float weights) const {
    if (!(log10_p <= 0 && weights <= kLargestLog10Backoff)) throw_damaged();
    return weights + log10_p;
  }
  float weight(std::uint32_t node) const {
    if (!(nodes_[node].weight <= kLargestLog10Backoff)) throw_damaged();
    return nodes_[node].weight;
  }
  void check_all() const;
  double by_other_rule(State& state, std::int32_t word) const;
  /// Words of a node's history.
  int length_of(std::uint32_t node) const;
  [[noreturn, gnu::cold]] void throw_damaged() const;
  [[noreturn]] void throw_no_word(std::int32_t word) const;

  std::shared_ptr<const void> owner_;
  bool is_mapped_ = false;
  std::filesystem::path path_;  ///< of a mapped model
  std::span<const std::byte> bytes_;
  const Unigram* unigrams_ = nullptr;
  const Node* nodes_ = nullptr;
  std::uint32_t num_nodes_ = 1, start_ = 0;
  std::int32_t vocabulary_ = 0, sentence_end_ = 0;
  UnseenRule rule_ = UnseenRule::kBackoff;
  float log10_factor_ = 0, start_log10_p_ = 0;
  int order_ = 1;
  bool has_words_ = false;
  std::vector<Level> levels_;  ///< by the length of histories, from 0 to the order, which is no history's
  std::vector<std::uint64_t> counts_;
  std::shared_ptr<const NGramVocabulary> words_;
};

}  // namespace langzoo
