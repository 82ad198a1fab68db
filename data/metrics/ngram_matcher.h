/// The n-grams that a text shares with others, what BLEU, chrF and ROUGE are made of. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace langzoo {

/// Numbers the distinct words of a few texts, from 0 on. The words stay where they are.
class WordNumbers {
 public:
  /// Forgets all words; at most `words` different ones will come.
  void reset(std::size_t words);
  std::uint32_t operator()(std::string_view word);
  std::vector<std::uint32_t> operator()(std::span<const std::string_view> words);

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number = 0;  ///< from 1 on; 0: free
  };
  std::vector<Slot> slots_;  ///< a power of two
  std::vector<std::string_view> words_;
};

/// Counts clipped matches. An n-gram is told by the number of its first n-1 words and by its last word, not by a hash:
/// equal keys are equal n-grams. Time and memory are proportional to the texts' lengths.
class NgramMatcher {
 public:
  /// matches[n-1]: how many n-grams of `text` there are in the references, each counted at most as often as the
  /// reference that has it most often has it (Papineni et al. 2002, section 2.1).
  void count(std::span<const std::uint32_t> text, std::span<const std::vector<std::uint32_t>> references,
             std::span<double> matches);

 private:
  struct Ngram {
    std::uint64_t key;
    std::uint32_t most = 0;   ///< occurrences in one reference
    std::uint32_t count = 0;  ///< in the text at hand
  };

  void reset(std::size_t ngrams);
  /// The slot that has `key`, or the free one where it belongs.
  std::uint32_t& slot_of(std::uint64_t key);
  void add_reference(std::span<const std::uint32_t> reference, std::size_t n, std::span<std::uint32_t> prefixes);
  double match(std::span<const std::uint32_t> text, std::size_t n, std::span<std::uint32_t> prefixes);

  std::vector<Ngram> ngrams_;
  std::vector<std::uint32_t> slots_;  ///< numbers of n-grams from 1 on; a power of two
  int shift_ = 0;
  std::vector<std::uint32_t> reference_prefixes_, text_prefixes_;
};

}  // namespace langzoo
