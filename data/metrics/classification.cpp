#include "data/metrics/classification.h"

#include <cmath>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

namespace langzoo {

namespace {

struct Counts {
  double correct = 0, predicted = 0, truth = 0;
};

double ratio(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

ClassScore score_of(const Counts& counts) {
  return {ratio(counts.correct, counts.predicted), ratio(counts.correct, counts.truth),
          ratio(2 * counts.correct, counts.predicted + counts.truth)};
}

void add_weighted(ClassScore& mean, const ClassScore& score, double weight) {
  mean.precision += weight * score.precision;
  mean.recall += weight * score.recall;
  mean.f1 += weight * score.f1;
}

}  // namespace

ClassificationScores score_classification(std::span<const std::string_view> predicted,
                                          std::span<const std::string_view> truth) {
  if (predicted.size() != truth.size()) {
    throw std::invalid_argument(fmt::format("labels: {} predicted, {} true", predicted.size(), truth.size()));
  }
  if (truth.empty()) throw std::invalid_argument("labels: there are none");
  std::map<std::string_view, Counts> classes;
  Counts all;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    ++classes[predicted[i]].predicted;
    ++classes[truth[i]].truth;
    if (predicted[i] != truth[i]) continue;
    ++classes[truth[i]].correct;
    ++all.correct;
  }
  const auto n = static_cast<double>(truth.size());
  all.predicted = all.truth = n;

  ClassificationScores scores;
  scores.accuracy = all.correct / n;
  scores.micro = score_of(all);
  double agreement = 0, same_truth = 0, same_predicted = 0;
  for (const auto& [label, counts] : classes) {
    const auto score = score_of(counts);
    add_weighted(scores.macro, score, 1 / static_cast<double>(classes.size()));
    add_weighted(scores.weighted, score, counts.truth / n);
    scores.labels.push_back({std::string(label), score, static_cast<std::size_t>(counts.truth)});
    agreement += counts.truth * counts.predicted;
    same_truth += counts.truth * counts.truth;
    same_predicted += counts.predicted * counts.predicted;
  }
  // One root of the product, as in scikit-learn: of perfect agreement it is exact.
  const double scale = std::sqrt((n * n - same_predicted) * (n * n - same_truth));
  if (scale > 0) scores.matthews_correlation = (all.correct * n - agreement) / scale;
  return scores;
}

}  // namespace langzoo
