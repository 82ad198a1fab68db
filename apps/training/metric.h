/// Named figures of an evaluation, and which way each gets better.
#pragma once

#include <map>
#include <string>

namespace langzoo {

enum class Direction { kLowerIsBetter, kHigherIsBetter };

/// Where a report draws a metric.
enum class MetricChart {
  kOwn,   ///< in a chart of its own
  kLoss,  ///< beside the training loss, whose unit it has
  kNone,  ///< nowhere: it says what another one says, or nothing of this data
};

struct Metric {
  double value = 0;
  Direction direction = Direction::kLowerIsBetter;
  std::string label = {};  ///< what people call it; empty: its name, with spaces
  MetricChart chart = MetricChart::kOwn;
};

/// By name. `loss` decides what the best checkpoint is unless TrainerOptions::best_metric names another.
using EvalMetrics = std::map<std::string, Metric>;

/// What people call `metric`, whose name is `name`.
std::string label_of(const std::string& name, const Metric& metric);
/// The values alone.
std::map<std::string, double> values_of(const EvalMetrics& metrics);

}  // namespace langzoo
