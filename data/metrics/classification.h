/// How well predicted labels agree with the true ones. As scikit-learn's accuracy_score,
/// precision_recall_fscore_support and matthews_corrcoef, with 0 for what divides by zero.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// All in [0,1].
struct ClassScore {
  double precision = 0, recall = 0, f1 = 0;
};

struct LabelScore {
  std::string label;
  ClassScore score;
  std::size_t support = 0;  ///< how often it is the true label
};

/// How often a label was given, rightly or not, and how often it is the true one.
struct LabelCounts {
  double correct = 0, predicted = 0, truth = 0;
};

struct LabelAverages {
  ClassScore micro;                ///< of all decisions
  ClassScore macro;                ///< the mean of the labels
  ClassScore weighted;             ///< the mean of the labels weighted by support
  std::vector<LabelScore> labels;  ///< of all labels true or predicted, in the order of their bytes
};

LabelAverages average_labels(const std::map<std::string_view, LabelCounts>& labels);

struct ClassificationScores : LabelAverages {
  double accuracy = 0;
  double matthews_correlation = 0;  ///< in [-1,1]; of any number of classes (Gorodkin 2004); 0 where undefined
};

/// Throws std::invalid_argument where the lengths differ or are 0.
ClassificationScores score_classification(std::span<const std::string_view> predicted,
                                          std::span<const std::string_view> truth);

/// Of examples that may have several labels, or none.
struct MultiLabelScores : LabelAverages {
  double accuracy = 0;      ///< of examples all of whose labels are right, and no other
  ClassScore samples;       ///< the mean of the examples'
  double hamming_loss = 0;  ///< the share of wrong decisions, of one for each label and example
};

/// Labels are those that any example has or is said to have. A label that comes twice counts once. As scikit-learn's
/// accuracy_score, precision_recall_fscore_support and hamming_loss of binary matrices. Throws std::invalid_argument
/// where the lengths differ or are 0.
MultiLabelScores score_multi_label(std::span<const std::vector<std::string_view>> predicted,
                                   std::span<const std::vector<std::string_view>> truth);

}  // namespace langzoo
