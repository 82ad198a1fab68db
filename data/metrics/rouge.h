/// ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum: Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), as
/// Google's package rouge-score computes them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/metrics/segment_metric.h"

namespace langzoo {

struct RougeOptions {
  bool stem = false;  ///< words of more than three letters as their stems (porter_stem)
  /// What stands between the sentences of a text, which ROUGE-Lsum wants to know: "\n" in rouge-score. Empty: there is
  /// no ROUGE-Lsum.
  std::string sentence_separator = {};
};

/// In [0,1]; 0 where there is nothing to divide by.
struct PrecisionRecall {
  double precision = 0, recall = 0, fmeasure = 0;
};

/// Of several references that with the greatest F-measure counts, separately for each score.
class Rouge : public SegmentMetric {
 public:
  explicit Rouge(RougeOptions options = {}) : options_(std::move(options)) {}

  std::string name() const override { return "ROUGE"; }
  std::string settings() const override { return options_.stem ? "stem:yes" : "stem:no"; }
  /// Precision, recall and F-measure of each, and 1, for a mean over segments.
  std::size_t width() const override { return 3 * types() + 1; }
  /// Throws std::invalid_argument where two sentences are too long for ROUGE-Lsum: more than 2^32 pairs of words.
  void measure(std::string_view hypothesis, std::span<const std::string_view> references,
               std::span<double> statistics) const override;
  std::vector<std::string> score_names() const override;
  /// The F-measures.
  std::vector<double> scores(std::span<const double> sums) const override;
  /// The means.
  std::vector<PrecisionRecall> results(std::span<const double> sums) const;

  /// Runs of ASCII letters and digits, in lower case.
  std::vector<std::string> tokenize(std::string_view text) const;

 private:
  PrecisionRecall of_sentences(std::string_view hypothesis, std::string_view reference) const;
  std::size_t types() const { return options_.sentence_separator.empty() ? 3 : 4; }

  RougeOptions options_;
};

/// The length of the longest common subsequence, 64 words of `a` at a time: |a| |b| / 64 steps at most, fewer the rarer
/// the words are.
std::size_t common_subsequence(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b);

}  // namespace langzoo
