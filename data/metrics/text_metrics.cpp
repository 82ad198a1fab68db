#include "data/metrics/text_metrics.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/files/escaped.h"
#include "data/files/numbers.h"
#include "data/metrics/bleu.h"
#include "data/metrics/chrf.h"
#include "data/metrics/classification.h"
#include "data/metrics/correlation.h"
#include "data/metrics/rouge.h"
#include "data/metrics/segment_metric.h"
#include "data/metrics/squad.h"

namespace langzoo {

namespace {

using Texts = std::span<const std::string>;
using References = std::span<const std::vector<std::string>>;

constexpr std::string_view kNames[] = {"accuracy",
                                       "exact_match",
                                       "bleu",
                                       "chrf",
                                       "rouge",
                                       "rouge1",
                                       "rouge2",
                                       "rougeL",
                                       "squad",
                                       "squad_exact_match",
                                       "squad_f1",
                                       "macro_f1",
                                       "matthews_correlation",
                                       "pearson",
                                       "spearman"};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n";
  const auto begin = text.find_first_not_of(kWhite);
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(kWhite) + 1 - begin);
}

double share_of_equal(Texts texts, References references) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    equal += std::any_of(references[i].begin(), references[i].end(),
                         [&](const auto& reference) { return trimmed(reference) == trimmed(texts[i]); });
  }
  return 100.0 * static_cast<double>(equal) / static_cast<double>(texts.size());
}

std::vector<double> corpus_scores(const SegmentMetric& metric, Texts texts, References references,
                                  std::size_t threads) {
  const std::vector<std::string_view> written(texts.begin(), texts.end());
  std::size_t most = 1;
  for (const auto& list : references) most = std::max(most, list.size());
  // A reference that comes twice changes none of these metrics.
  std::vector<std::vector<std::string_view>> wanted(most);
  for (std::size_t r = 0; r < most; ++r)
    for (const auto& list : references) wanted[r].push_back(r < list.size() ? list[r] : list[0]);
  return metric.scores(measure_segments(metric, {written, wanted}, threads).sums());
}

ClassificationScores label_scores(Texts texts, References references) {
  std::vector<std::string_view> predicted, truth;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    predicted.push_back(trimmed(texts[i]));
    truth.push_back(trimmed(references[i][0]));
  }
  return score_classification(predicted, truth);
}

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  if (read_number(trimmed(text), value) != NumberFault::kNone) return std::nullopt;
  return value;
}

double correlation(double (*of)(std::span<const double>, std::span<const double>), std::string_view metric, Texts texts,
                   References references) {
  constexpr double kNoNumber = -1;
  std::vector<double> predicted, truth;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    predicted.push_back(number_in(texts[i]).value_or(kNoNumber));
    const auto wanted = number_in(references[i][0]);
    if (!wanted) {
      throw std::invalid_argument(
          fmt::format("{}: reference {}, \"{}\", is no number", metric, i + 1, references[i][0]));
    }
    truth.push_back(*wanted);
  }
  const double found = of(predicted, truth);
  return std::isfinite(found) ? 100 * found : 0;
}

}  // namespace

std::span<const std::string_view> text_metric_names() {
  return kNames;
}

void check_text_metric(std::string_view metric) {
  if (std::find(std::begin(kNames), std::end(kNames), metric) != std::end(kNames)) return;
  throw std::invalid_argument(fmt::format("metric {} is unknown, expected one of {}", metric, fmt::join(kNames, ", ")));
}

std::vector<std::string> text_score_names(std::string_view metric) {
  check_text_metric(metric);
  if (metric == "rouge") return {"rouge1", "rouge2", "rougeL"};
  if (metric == "squad") return {"squad_exact_match", "squad_f1"};
  return {std::string(metric)};
}

void check_text_reference(std::string_view metric, std::string_view reference) {
  if ((metric == "pearson" || metric == "spearman") && !number_in(reference))
    throw std::invalid_argument(fmt::format("{}: \"{}\" is no number", metric, escaped(reference)));
}

std::vector<TextScore> score_texts(std::string_view metric, Texts texts, References references, std::size_t threads) {
  check_text_metric(metric);
  if (texts.empty()) throw std::invalid_argument("there are no texts to score");
  if (texts.size() != references.size())
    throw std::invalid_argument(fmt::format("{} texts, references of {}", texts.size(), references.size()));
  for (std::size_t i = 0; i < references.size(); ++i) {
    if (references[i].empty()) throw std::invalid_argument(fmt::format("text {} has no reference", i + 1));
  }
  const auto one = [&](double value) { return std::vector<TextScore>{{std::string(metric), value}}; };
  const auto of_corpus = [&](const SegmentMetric& segments) {
    return corpus_scores(segments, texts, references, threads);
  };
  if (metric == "accuracy" || metric == "exact_match") return one(share_of_equal(texts, references));
  if (metric == "bleu") return one(of_corpus(Bleu()).front());
  if (metric == "chrf") return one(of_corpus(Chrf()).front());
  if (metric == "macro_f1") return one(100 * label_scores(texts, references).macro.f1);
  if (metric == "matthews_correlation") return one(100 * label_scores(texts, references).matthews_correlation);
  if (metric == "pearson") return one(correlation(pearson_correlation, metric, texts, references));
  if (metric == "spearman") return one(correlation(spearman_correlation, metric, texts, references));
  const bool squad = metric.starts_with("squad");
  const auto values = squad ? of_corpus(Squad()) : of_corpus(Rouge({.stem = true}));
  const auto names = text_score_names(squad ? "squad" : "rouge");
  std::vector<TextScore> scores;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (metric == "squad" || metric == "rouge" || metric == names[i])
      scores.push_back({names[i], squad ? values[i] : 100 * values[i]});
  }
  return scores;
}

}  // namespace langzoo
