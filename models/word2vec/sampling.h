/// What word2vec draws at random: which words of a text are kept, and which words stand for "all others".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/random/random.h"

namespace langzoo {

/// Subsampling of frequent words (Mikolov et al. 2013, section 2.3), in the form of word2vec.c: a word of relative
/// frequency f is kept with probability (sqrt(f/t) + 1) t/f, not the paper's sqrt(t/f).
class Subsampler {
 public:
  /// `threshold` is t; 0 keeps every word.
  Subsampler(std::span<const std::int64_t> counts, double threshold);

  double keep_probability(std::int64_t word) const;
  /// Appends the words of `sentence` that are kept.
  void keep(std::span<const std::int32_t> sentence, Random& random, std::vector<std::int32_t>& kept) const;

 private:
  std::vector<std::uint32_t> limits_;  ///< a word is kept when 32 random bits are not above it
};

/// Draws words with P(w) ~ count^power by the alias method (Walker 1977; Vose 1991): two memory reads a draw, 8 bytes a
/// word, where word2vec.c's table takes 400 MB.
class NegativeSampler {
 public:
  /// Throws std::invalid_argument when there is no positive count.
  NegativeSampler(std::span<const std::int64_t> counts, double power = 0.75);

  std::int32_t draw(Random& random) const {
    const auto bits = random.next();
    const auto slot = static_cast<std::uint32_t>((bits >> 32) * slots_.size() >> 32);
    return static_cast<std::uint32_t>(bits) < slots_[slot].limit ? static_cast<std::int32_t>(slot) : slots_[slot].alias;
  }
  /// Of every word, computed back from the table. Sums to 1.
  std::vector<double> probabilities() const;

 private:
  struct Slot {
    std::uint32_t limit;
    std::int32_t alias;
  };
  std::vector<Slot> slots_;
};

}  // namespace langzoo
