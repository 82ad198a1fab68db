/// Exact match and token F1 of answers: Rajpurkar, Zhang, Lopyrev and Liang, "SQuAD: 100,000+ questions for machine
/// comprehension of text" (EMNLP 2016), as its evaluation script (version 1.1) computes them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

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

/// A question that may have no answer, as of SQuAD 2.0: Rajpurkar, Jia and Liang, "Know what you don't know:
/// unanswerable questions for SQuAD" (ACL 2018).
struct AnsweredQuestion {
  std::string prediction;            ///< empty: there is no answer
  std::vector<std::string> answers;  ///< none: there is none
  double no_answer_probability = 0;  ///< or whatever is the larger, the less the model believes in its prediction
};

struct AnswerScores {
  double exact = 0, f1 = 0;  ///< in per cent; 0 of no question
  std::size_t total = 0;
};

/// The best score that a threshold of no_answer_probability gives, and the threshold.
struct BestAnswerScore {
  double score = 0, threshold = 0;
};

struct SquadScores {
  AnswerScores all, has_answer, no_answer;
  BestAnswerScore best_exact, best_f1;
};

/// As the evaluation script of SQuAD 2.0. Answers beyond `threshold` count as none. An answer that is empty when it is
/// normalized is none; none agrees with none, F1 included. Of equal probabilities the best thresholds take the
/// questions in their order. Throws std::invalid_argument where there is no question, or a probability is no number.
SquadScores score_squad(std::span<const AnsweredQuestion> questions, double threshold = 1);

/// In lower case, without ASCII punctuation, without the words a, an and the, single spaces between words.
std::string normalize_answer(std::string_view text);

}  // namespace langzoo
