/// Translation edit rate: Snover, Dorr, Schwartz, Micciulla and Makhoul, "A study of translation edit rate with
/// targeted human annotation" (AMTA 2006), as sacreBLEU computes it, which follows Tercom.
#pragma once

#include <cstdint>

#include "data/metrics/segment_metric.h"

namespace langzoo {

struct TerOptions {
  bool normalized = false;      ///< XML's entities resolved, punctuation apart
  bool no_punct = false;        ///< without punctuation
  bool asian_support = false;   ///< with normalized: Chinese characters apart; with no_punct: also their punctuation
  bool case_sensitive = false;  ///< otherwise in lower case
};

class Ter : public SegmentMetric {
 public:
  explicit Ter(TerOptions options = {}) : options_(options) {}

  std::string name() const override { return "TER"; }
  std::string settings() const override;
  /// Edits to the reference that needs the fewest, and the mean length of the references.
  std::size_t width() const override { return 2; }
  void measure(std::string_view hypothesis, std::span<const std::string_view> references,
               std::span<double> statistics) const override;
  /// Edits per word of the references, in per cent; 100 where these are empty and the hypotheses are not.
  std::vector<double> scores(std::span<const double> sums) const override;

  /// `text` as the words that are compared, a space between two.
  std::string tokenize(std::string_view text) const;

 private:
  TerOptions options_;
};

/// The fewest insertions, deletions, substitutions and shifts of a phrase that a greedy search finds to make
/// `hypothesis` the reference. Words are numbers. Phrases have up to 10 words and move among places up to 50 apart; at
/// most about 1,000 shifts are tried, and the edit distance looks 25 words around the diagonal: time grows with the
/// lengths, not with their product.
std::int64_t count_edits(std::span<const std::uint32_t> hypothesis, std::span<const std::uint32_t> reference);

}  // namespace langzoo
