/// chrF: Popović, "chrF: character n-gram F-score for automatic MT evaluation" (WMT 2015), and with word n-grams chrF++
/// ("chrF++: words helping character n-grams", WMT 2017), as sacreBLEU computes them.
#pragma once

#include "data/metrics/segment_metric.h"

namespace langzoo {

struct ChrfOptions {
  std::size_t char_order = 6;
  std::size_t word_order = 0;  ///< 2: chrF++
  int beta = 2;                ///< how many times recall counts as much as precision
  bool lowercase = false;
  bool whitespace = false;     ///< white space belongs to the character n-grams
  bool eps_smoothing = false;  ///< orders without n-grams count as 1e-16, as in chrF++.py; otherwise they are left out
};

class Chrf : public SegmentMetric {
 public:
  /// Throws std::invalid_argument where both orders are 0 or beta is below 1.
  explicit Chrf(ChrfOptions options = {});

  std::string name() const override;
  std::string settings() const override;
  /// Of each order the n-grams of the hypothesis, of the reference, and those found.
  std::size_t width() const override { return 3 * (options_.char_order + options_.word_order); }
  void measure(std::string_view hypothesis, std::span<const std::string_view> references,
               std::span<double> statistics) const override;
  /// In per cent.
  std::vector<double> scores(std::span<const double> sums) const override { return {f_score(sums)}; }

 private:
  double f_score(std::span<const double> sums) const;

  ChrfOptions options_;
};

}  // namespace langzoo
