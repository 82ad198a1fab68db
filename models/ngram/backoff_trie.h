/// A back-off model that is being put together, n-gram by n-gram: internal.
#pragma once

#include <cmath>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <span>
#include <vector>

#include "models/ngram/ngram_vocabulary.h"

namespace langzoo {

/// N-grams by their history and last word. Number 0 is the empty one. A word is an id, or kStart.
class BackoffTrie {
 public:
  using NGram = std::uint32_t;
  static constexpr std::int32_t kStart = -1;  ///< "<s>", as an n-gram's first word

  explicit BackoffTrie(int order);

  /// The words' n-gram, added where it is missing, and so are its beginnings: they have no probability yet. Throws
  /// std::length_error beyond 2^32 - 2 of them.
  NGram add(std::span<const std::int32_t> words);
  bool has_probability(NGram ngram) const { return !std::isnan(ngrams_[ngram].log10_p); }
  void set(NGram ngram, float log10_p, float log10_backoff);

  /// Leaves out n-grams of two words and more, the longest first, where that changes the model's perplexity by less
  /// than the share `threshold`, and gives histories the back-off weights with which probabilities sum to 1 again:
  /// Stolcke, "Entropy-based pruning of backoff language models" (1998). What begins a kept n-gram stays.
  void prune(double threshold);

  /// Writes the model's file (ngram_file.h). N-grams without a probability get what backing off gives them.
  void write(std::ostream& out, const NGramVocabulary& words);

 private:
  struct Record {
    NGram history = 0;
    std::int32_t word = 0;
    float log10_p = std::numeric_limits<float>::quiet_NaN();
    float log10_backoff = 0;
    NGram suffix = 0;        ///< the longest n-gram that is this one's ending
    float log10_lower = 0;   ///< P of the word by the history without its first word
    std::uint32_t node = 0;  ///< of this history, or the longest that ends it
    bool is_history = false;
  };
  static std::uint64_t key(NGram history, std::int32_t word);
  /// The slot of an n-gram, or the empty one where it would be.
  std::size_t slot_of(NGram history, std::int32_t word) const;
  NGram find(NGram history, std::int32_t word) const { return slots_[slot_of(history, word)]; }
  NGram find_or_add(NGram history, std::int32_t word, std::size_t length);
  void complete();
  void complete(std::size_t length);
  /// Calls visit(history, n-grams) for the n-grams of a length.
  template <class Visit>
  void for_each_history(std::size_t length, const Visit& visit);
  void keep_only(const std::vector<bool>& kept);
  double log10_probability_of(NGram history) const;

  std::size_t order_;
  std::vector<Record> ngrams_;
  std::vector<std::vector<NGram>> levels_;  ///< n-grams by length, in the order in which they were added
  std::vector<NGram> slots_;                ///< open addressing; 0: empty
};

}  // namespace langzoo
