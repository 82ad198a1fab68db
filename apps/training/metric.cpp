#include "apps/training/metric.h"

#include <algorithm>

namespace langzoo {

std::string label_of(const std::string& name, const Metric& metric) {
  if (!metric.label.empty()) return metric.label;
  std::string words = name;
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

std::map<std::string, double> values_of(const EvalMetrics& metrics) {
  std::map<std::string, double> values;
  for (const auto& [name, metric] : metrics) values[name] = metric.value;
  return values;
}

}  // namespace langzoo
