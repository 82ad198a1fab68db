/// N-gram models out of text, in bounded memory.
///
/// Modified Kneser-Ney: Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1999),
/// section 3 and equations 26 to 29, interpolated:
///
///     P(w | h) = (c(h w) - D(c(h w))) / c(h) + gamma(h) P(w | h')
///
/// where h' is h without its first word; below the highest order counts are numbers of different words before,
/// N1+(. h w), but for what begins a sentence. The words themselves are smoothed with 1 / V. How it is computed by
/// sorting, on disk where it must be: Heafield, Pouzyrevsky, Clark and Koehn, "Scalable modified Kneser-Ney language
/// model estimation" (2013).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <memory>
#include <span>
#include <vector>

#include "models/ngram/ngram_model.h"

namespace langzoo {

enum class NGramSmoothing {
  kModifiedKneserNey,  ///< a discount each for counts 1, 2 and 3 or more
  kKneserNey,          ///< one discount, n1 / (n1 + 2 n2)
  kAddK,               ///< (c(h w) + k) / (c(h) + k V)
  kStupidBackoff,      ///< c(h w) / c(h), else a factor times the shorter history's: scores that do not sum to 1
  kNone,               ///< c(h w) / c(h): a Markov model
};

struct NGramOptions {
  int order = 3;  ///< the words of an n-gram, from 1 to kLargestNGramOrder
  NGramSmoothing smoothing = NGramSmoothing::kModifiedKneserNey;
  double k = 1;                 ///< of kAddK
  double backoff_factor = 0.4;  ///< of kStupidBackoff
  /// N-grams of length i + 1 that occur at most prune[i] times are left out, and their mass goes to what histories back
  /// off to; of lengths that it does not reach, as the last one says. The words stay: prune[0] is 0. Never decreasing,
  /// for Kneser-Ney alone.
  std::vector<std::int64_t> prune;
  /// Discounts of 0.5, 1 and 1.5 where counts of counts give none; else that is an error.
  bool discount_fallback = false;
  std::size_t memory = std::size_t{1} << 30;  ///< bytes; beyond, n-grams are sorted on disk
  std::size_t threads = 0;                    ///< 0: as many as there are CPUs for the process; no result depends on it
};

/// Counts n-grams, then writes the model.
class NGramEstimator {
 public:
  /// `beside`: whose folder has the space on disk. Throws std::invalid_argument for options out of range.
  explicit NGramEstimator(const NGramOptions& options, std::filesystem::path beside);
  NGramEstimator(NGramEstimator&&) noexcept;
  ~NGramEstimator();

  /// What follows stands behind "<s>".
  void begin_sentence();
  void add(std::int32_t word);

  struct Result {
    std::vector<std::uint64_t> ngrams;             ///< by length
    std::vector<std::array<double, 3>> discounts;  ///< likewise; none where there are none
  };
  /// Ends counting. `words` may be null: then the model knows ids alone. Throws std::runtime_error where counts of
  /// counts give no discounts (naming the order), and for less memory than the vocabulary needs.
  Result write(std::ostream& out, std::int32_t vocabulary, std::int32_t sentence_end, const NGramVocabulary* words);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// A model of sentences of ids in [0, vocabulary); `sentence_end` is one of these. Throws std::invalid_argument for an
/// id outside, and no sentences; else as NGramEstimator.
NGramModel estimate_ngrams(std::span<const std::span<const std::int32_t>> sentences, std::int32_t vocabulary,
                           std::int32_t sentence_end, const NGramOptions& options = {});

}  // namespace langzoo
