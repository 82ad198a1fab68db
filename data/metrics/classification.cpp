#include "data/metrics/classification.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

namespace langzoo {

namespace {

double ratio(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

ClassScore score_of(const LabelCounts& counts) {
  return {ratio(counts.correct, counts.predicted), ratio(counts.correct, counts.truth),
          ratio(2 * counts.correct, counts.predicted + counts.truth)};
}

void add_weighted(ClassScore& mean, const ClassScore& score, double weight) {
  mean.precision += weight * score.precision;
  mean.recall += weight * score.recall;
  mean.f1 += weight * score.f1;
}

}  // namespace

LabelAverages average_labels(const std::map<std::string_view, LabelCounts>& labels) {
  LabelCounts all;
  for (const auto& [label, counts] : labels) {
    all.correct += counts.correct;
    all.predicted += counts.predicted;
    all.truth += counts.truth;
  }
  LabelAverages scores;
  scores.micro = score_of(all);
  for (const auto& [label, counts] : labels) {
    const auto score = score_of(counts);
    add_weighted(scores.macro, score, 1 / static_cast<double>(labels.size()));
    add_weighted(scores.weighted, score, ratio(counts.truth, all.truth));
    scores.labels.push_back({std::string(label), score, static_cast<std::size_t>(counts.truth)});
  }
  return scores;
}

ClassificationScores score_classification(std::span<const std::string_view> predicted,
                                          std::span<const std::string_view> truth) {
  if (predicted.size() != truth.size()) {
    throw std::invalid_argument(fmt::format("labels: {} predicted, {} true", predicted.size(), truth.size()));
  }
  if (truth.empty()) throw std::invalid_argument("labels: there are none");
  std::map<std::string_view, LabelCounts> classes;
  double correct = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    ++classes[predicted[i]].predicted;
    ++classes[truth[i]].truth;
    if (predicted[i] != truth[i]) continue;
    ++classes[truth[i]].correct;
    ++correct;
  }
  const auto n = static_cast<double>(truth.size());
  ClassificationScores scores;
  static_cast<LabelAverages&>(scores) = average_labels(classes);
  scores.accuracy = correct / n;
  double agreement = 0, same_truth = 0, same_predicted = 0;
  for (const auto& [label, counts] : classes) {
    agreement += counts.truth * counts.predicted;
    same_truth += counts.truth * counts.truth;
    same_predicted += counts.predicted * counts.predicted;
  }
  // One root of the product, as in scikit-learn: of perfect agreement it is exact.
  const double scale = std::sqrt((n * n - same_predicted) * (n * n - same_truth));
  if (scale > 0) scores.matthews_correlation = (correct * n - agreement) / scale;
  return scores;
}

MultiLabelScores score_multi_label(std::span<const std::vector<std::string_view>> predicted,
                                   std::span<const std::vector<std::string_view>> truth) {
  if (predicted.size() != truth.size()) {
    throw std::invalid_argument(fmt::format("examples: {} predicted, {} true", predicted.size(), truth.size()));
  }
  if (truth.empty()) throw std::invalid_argument("examples: there are none");
  const auto n = static_cast<double>(truth.size());
  std::map<std::string_view, LabelCounts> labels;
  MultiLabelScores scores;
  double wrong = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const std::set<std::string_view> found(predicted[i].begin(), predicted[i].end());
    const std::set<std::string_view> real(truth[i].begin(), truth[i].end());
    LabelCounts example{0, static_cast<double>(found.size()), static_cast<double>(real.size())};
    for (const auto label : found) ++labels[label].predicted;
    for (const auto label : real) {
      ++labels[label].truth;
      if (!found.contains(label)) continue;
      ++labels[label].correct;
      ++example.correct;
    }
    add_weighted(scores.samples, score_of(example), 1 / n);
    scores.accuracy += found == real ? 1 / n : 0;
    wrong += example.predicted + example.truth - 2 * example.correct;
  }
  static_cast<LabelAverages&>(scores) = average_labels(labels);
  scores.hamming_loss = ratio(wrong, n * static_cast<double>(labels.size()));
  return scores;
}

}  // namespace langzoo
