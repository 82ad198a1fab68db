/// Word translation and alignment without a neural network: Models 1 and 2 of Brown, Della Pietra, Della Pietra and
/// Mercer, "The mathematics of statistical machine translation" (Computational Linguistics 19, 1993), section 4.
///
/// Each word f_j of a sentence f of m words is made by one word of the sentence e of l words, or by e_0, the empty word
/// NULL: P(f, a | e) is proportional to prod_j a(a_j | j, l, m) t(f_j | e_{a_j}). Model 1 holds a at 1 / (l + 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace langzoo {

/// Two sentences that are translations, as word ids of two vocabularies, none negative.
struct TranslatedSentence {
  std::span<const std::int32_t> e, f;
};

/// Where a word has no partner: NULL.
inline constexpr int kUnaligned = -1;

/// t(f | e), for the pairs of words that stand in a pair of sentences.
class TranslationTable {
 public:
  struct Entry {
    std::int32_t f;
    float probability;
  };

  TranslationTable() = default;
  /// `begins`: where each row begins in `entries`, NULL's first, then those of e = 0, 1, ..., and the end; the entries
  /// of a row stand in the order of f. Throws std::invalid_argument for what is no such table of probabilities.
  TranslationTable(std::vector<std::size_t> begins, std::vector<Entry> entries);

  /// 0 for words that never met. `e` is kUnaligned for NULL.
  float operator()(std::int32_t f, std::int32_t e) const;
  /// All f of an e, in the order of f.
  std::span<const Entry> row(std::int32_t e) const;
  std::int32_t num_e() const { return static_cast<std::int32_t>(begins_.size()) - 2; }  ///< NULL not counted
  const std::vector<std::size_t>& begins() const { return begins_; }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<std::size_t> begins_{0, 0};
  std::vector<Entry> entries_;
};

/// a(i | j, l, m); 1 / (l + 1) for lengths that were not trained. Positions of f and of e count from 0; i is kUnaligned
/// for NULL.
class AlignmentTable {
 public:
  float operator()(int i, int j, int l, int m) const;
  /// The m rows of l + 1 probabilities, NULL's first, to be filled in; uniform when new.
  std::span<float> of_lengths(int l, int m);
  const std::map<std::pair<int, int>, std::vector<float>>& tables() const { return tables_; }  ///< by l and m

 private:
  std::map<std::pair<int, int>, std::vector<float>> tables_;
};

struct IbmModel {
  TranslationTable t;
  AlignmentTable a;

  /// log P(f | e) but for the probability of the length m, which is the same for all f of one length: the sum over all
  /// alignments. -infinity where a word of f has no partner.
  double log_probability(TranslatedSentence sentence) const;
  /// P(a_j = i | e, f) for each word of f: NULL's first, then those of e. All 0 where a word has no partner.
  std::vector<std::vector<double>> posteriors(TranslatedSentence sentence) const;
  /// The most probable alignment: for each word of f its e, the leftmost of equals, before NULL. A word that has no
  /// partner is unaligned.
  std::vector<int> viterbi(TranslatedSentence sentence) const;
};

struct IbmOptions {
  int model1_iterations = 5;  ///< of expectation maximisation, from a uniform t
  int model2_iterations = 0;  ///< after them, from uniform alignments; 0: Model 1
  int max_words = 100;        ///< pairs with a longer sentence are left out
  /// Told the log-likelihood before each iteration, which are counted from 0.
  std::function<void(int iteration, double log_likelihood)> progress = {};
};

struct IbmTraining {
  IbmModel model;
  std::vector<double> log_likelihoods;  ///< of all sentences, before each iteration; never falls
  std::int64_t too_long = 0;            ///< pairs left out
};

/// Expectation maximisation on all of LibTorch's threads; the result does not depend on their number. Memory is about
/// 20 bytes for each word of f times the words of its e and NULL. Throws std::invalid_argument for a negative id, no
/// sentences, none that is short enough, or options out of range.
IbmTraining train_ibm_model(std::span<const TranslatedSentence> sentences, const IbmOptions& options);

}  // namespace langzoo
