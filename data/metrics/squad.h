/// Exact match and token F1 of answers: Rajpurkar, Zhang, Lopyrev and Liang, "SQuAD: 100,000+ questions for machine
/// comprehension of text" (EMNLP 2016), as its evaluation script (version 1.1) computes them.
#pragma once

#include "data/metrics/segment_metric.h"

namespace langzoo {

/// Means of what each answer gets from the reference that is best for it. Answers that are empty match exactly but, as
/// in the script, have an F1 of 0.
class Squad : public SegmentMetric {
 public:
  std::string name() const override { return "SQuAD"; }
  std::string settings() const override { return {}; }
  /// Exact matches, F1, and 1, for a mean over segments.
  std::size_t width() const override { return 3; }
  void measure(std::string_view hypothesis, std::span<const std::string_view> references,
               std::span<double> statistics) const override;
  std::vector<std::string> score_names() const override { return {"exact_match", "f1"}; }
  /// In per cent.
  std::vector<double> scores(std::span<const double> sums) const override;
};

/// In lower case, without ASCII punctuation, without the words a, an and the, single spaces between words.
std::string normalize_answer(std::string_view text);

}  // namespace langzoo
