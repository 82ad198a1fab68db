/// report.html: one page that shows a run, in one file that needs nothing else.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "apps/cli/chart.h"
#include "apps/training/metric.h"
#include "apps/training/task_setup.h"

namespace langzoo {

/// What a report says beside the curves, which come from metrics.jsonl.
struct ReportContent {
  std::string title;                                          ///< "langzoo-gpt"
  std::string subtitle;                                       ///< what was trained on what
  std::vector<std::pair<std::string, std::string>> headline;  ///< a few figures in large type: name, value
  std::string config;                                         ///< the resolved run configuration: JSON, in sections
  std::vector<ReportSample> samples;
  EvalMetrics metrics = {};     ///< of the last evaluation: labels and charts; one of no evaluation has its own
  std::string unit = "tokens";  ///< TrainingTask::unit()
  std::string loss_unit = "nats a token";  ///< TrainingTask::loss_unit()
};

/// The page. `metrics` holds the lines of metrics.jsonl; lines that are none are skipped.
std::string report_page(const ReportContent& content, const std::string& metrics);

/// Writes `dir`/report.html from `dir`/metrics.jsonl.
void write_report(const std::filesystem::path& dir, const ReportContent& content);

}  // namespace langzoo
