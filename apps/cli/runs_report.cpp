#include "apps/cli/runs_report.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/html.h"
#include "apps/cli/chart.h"
#include "apps/training/metric.h"
#include "data/files/files.h"
#include "data/files/json_text.h"

namespace langzoo {

namespace {

using RunJson = nlohmann::json;

constexpr const char* kRunStyle = R"css(
.figures { display: none; }
.charts, .runs { margin-top: 12px; }
.soft + .figures + .runs { margin-top: 20px; }
.runs { overflow-x: auto; }
.runs th { font-weight: 500; text-align: right; padding: 0 0 6px 16px; color: var(--soft); vertical-align: bottom; }
.runs th:first-child { text-align: left; padding-left: 0; }
.runs td:first-child, .best td { white-space: nowrap; }
.runs svg { display: inline-block; width: 22px; height: 8px; vertical-align: middle; margin-right: 6px; }
)css";

double number_in(const RunJson& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : std::nan("");
}

RunPlace between(const std::vector<RunPlace>& places, double step) {
  const auto after =
      std::find_if(places.begin(), places.end(), [&](const RunPlace& place) { return place.step >= step; });
  if (after == places.end())
    return {step, places.empty() ? 0 : places.back().tokens, places.empty() ? 0 : places.back().seconds};
  const auto before = after == places.begin() ? RunPlace() : *std::prev(after);
  const double share = after->step > before.step ? (step - before.step) / (after->step - before.step) : 1;
  return {step, before.tokens + share * (after->tokens - before.tokens),
          before.seconds + share * (after->seconds - before.seconds)};
}

/// An axis on which runs are compared.
struct RunAxis {
  std::string name;   ///< below a point: "minutes"
  std::string title;  ///< "by training time, minutes"
  double unit;        ///< what 1 on it is
  double RunPlace::*value;
};

RunAxis time_axis(const std::vector<RunLog>& runs) {
  double longest = 0;
  for (const auto& run : runs) {
    if (!run.places.empty()) longest = std::max(longest, run.places.back().seconds);
  }
  const auto [name, unit] = longest < 180     ? std::pair("seconds", 1.0)
                            : longest < 10800 ? std::pair("minutes", 60.0)
                                              : std::pair("hours", 3600.0);
  return {name, fmt::format("by training time, {}", name), unit, &RunPlace::seconds};
}

double on_axis(const RunPlace& place, const RunAxis& axis) {
  return std::round(place.*axis.value / axis.unit * 1000) / 1000;
}

std::string run_style(std::size_t i) {
  return fmt::format("run{}", i);
}

/// One card for each axis: the curve of each run that `points` gives.
template <class Points>
std::string axis_cards(const std::string& title, const std::vector<RunLog>& runs, const std::vector<RunAxis>& axes,
                       const Points& points) {
  std::string html;
  for (const auto& axis : axes) {
    std::vector<Curve> curves;
    for (std::size_t i = 0; i < runs.size(); ++i) curves.push_back({runs[i].name, run_style(i), points(runs[i], axis)});
    std::set<double> values;
    double end = 0;
    for (const auto& curve : curves) {
      for (const auto& point : curve.points) values.insert(point.value), end = std::max(end, point.step);
    }
    if (values.size() > 1 && end > 0)  // what is always the same needs no picture
      html += chart_card(title + " " + axis.title, curves, &axis == &axes.front(), axis.name);
  }
  return html;
}

std::string run_label(std::size_t i, const std::string& name) {
  return fmt::format("<svg viewBox=\"0 0 22 8\"><path class=\"curve {}\" d=\"M1 4H21\"/></svg>{}", run_style(i),
                     html_escaped(name));
}

std::string table_row(const char* cell, const std::vector<std::string>& cells) {
  std::string html = "<tr>";
  for (const auto& text : cells) html += fmt::format("<{0}>{1}</{0}>", cell, text);
  return html + "</tr>\n";
}

std::string metric_name(const std::string& name) {
  return label_of(name, Metric());
}

std::string run_table(const std::vector<RunLog>& runs, const std::vector<std::string>& metrics) {
  std::vector<std::string> head = {"run", "steps", "tokens", "training time", "best at step"};
  for (const auto& metric : metrics) head.push_back(html_escaped(metric_name(metric)));
  auto html = "<section class=\"card runs best\"><h2>At the best checkpoint</h2><table>" + table_row("th", head);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& run = runs[i];
    const auto end = run.places.empty() ? RunPlace() : run.places.back();
    const auto* const best = run.best();
    std::vector<std::string> cells = {run_label(i, run.name), fmt::format("{}", end.step), with_unit(end.tokens),
                                      as_duration(end.seconds), best ? fmt::format("{}", best->place.step) : "-"};
    for (const auto& metric : metrics) {
      const bool there = best && best->values.contains(metric);
      cells.push_back(there ? fmt::format("{:.5g}", best->values.at(metric)) : "-");
    }
    html += table_row("td", cells);
  }
  return html + "</table></section>\n";
}

std::string settings_table(const std::vector<RunLog>& runs) {
  std::set<std::string> keys;
  for (const auto& run : runs) {
    for (const auto& [key, value] : run.settings) keys.insert(key);
  }
  std::string rows;
  for (const auto& key : keys) {
    std::vector<std::string> cells = {html_escaped(key)};
    std::set<std::string> different;
    for (const auto& run : runs) {
      const auto found = run.settings.find(key);
      const auto value = found == run.settings.end() ? "-" : found->second;
      different.insert(value);
      cells.push_back(html_escaped(value));
    }
    if (different.size() > 1) rows += table_row("td", cells);
  }
  if (rows.empty()) return {};
  std::vector<std::string> head = {"setting"};
  for (std::size_t i = 0; i < runs.size(); ++i) head.push_back(run_label(i, runs[i].name));
  return "<section class=\"card runs\"><h2>Settings that differ</h2><table>" + table_row("th", head) + rows +
         "</table></section>\n";
}

}  // namespace

const RunEvaluation* RunLog::best() const {
  const auto found =
      std::find_if(evaluations.rbegin(), evaluations.rend(), [](const RunEvaluation& e) { return e.best; });
  if (found != evaluations.rend()) return &*found;
  return evaluations.empty() ? nullptr : &evaluations.back();
}

RunLog run_log(const std::string& name, const std::string& metrics, const std::string& config) {
  RunLog run;
  run.name = name;
  std::istringstream lines(metrics);
  double speed = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto entry = RunJson::parse(line, nullptr, false);
    if (!entry.is_object()) continue;
    const double step = number_in(entry, "step");
    if (!std::isfinite(step) || step < 0) continue;
    if (const auto valid = entry.find("valid"); valid != entry.end() && valid->is_object()) {
      RunEvaluation evaluation;
      evaluation.place.step = step;
      for (const auto& [metric, value] : valid->items()) {
        if (value.is_number()) evaluation.values.emplace(metric, value.get<double>());
      }
      const auto best = entry.find("best");
      evaluation.best = best != entry.end() && *best == true;
      run.evaluations.push_back(std::move(evaluation));
      continue;
    }
    const auto before = run.places.empty() ? RunPlace() : run.places.back();
    const double tokens = number_in(entry, "tokens"), now = number_in(entry, "tokens_per_second");
    if (now > 0) speed = now;
    if (!(tokens >= before.tokens) || step < before.step) continue;
    run.places.push_back({step, tokens, before.seconds + (speed > 0 ? (tokens - before.tokens) / speed : 0)});
    run.train_losses.push_back(number_in(entry, "loss"));
  }
  for (auto& evaluation : run.evaluations) evaluation.place = between(run.places, evaluation.place.step);
  const auto settings = RunJson::parse(config, nullptr, false);
  if (!settings.is_object()) return run;
  for (const auto& [section, fields] : settings.items()) {
    if (!fields.is_object()) continue;
    for (const auto& [key, value] : fields.items()) {
      run.settings.emplace(section + "." + key, value.is_string()
                                                    ? value.get<std::string>()
                                                    : value.dump(-1, ' ', false, RunJson::error_handler_t::replace));
    }
  }
  return run;
}

RunLog read_run_log(const std::string& name, const std::filesystem::path& dir) {
  const auto metrics = dir / "metrics.jsonl", config = dir / "run.json";
  const auto settings = std::filesystem::exists(config) ? read_file(config) : "";
  if (nested_too_deeply(settings)) throw FileError(config, "is nested too deeply for a run's configuration");
  auto run = run_log(name, read_file(metrics), settings);
  if (run.places.empty() && run.evaluations.empty()) throw FileError(metrics, "has no reports of a training");
  return run;
}

std::string runs_page(const std::vector<RunLog>& runs) {
  if (runs.size() > kMostRuns)
    throw std::invalid_argument(fmt::format("{} runs; a page shows at most {}", runs.size(), kMostRuns));
  const std::vector<RunAxis> axes = {
      {"step", "by steps", 1, &RunPlace::step}, {"tokens", "by tokens", 1, &RunPlace::tokens}, time_axis(runs)};
  std::set<std::string> found;
  for (const auto& run : runs) {
    for (const auto& evaluation : run.evaluations) {
      for (const auto& [metric, value] : evaluation.values) found.insert(metric);
    }
  }
  std::vector<std::string> metrics(found.begin(), found.end());
  std::stable_partition(metrics.begin(), metrics.end(), [](const auto& metric) { return metric == "loss"; });
  auto html = run_table(runs, metrics) + "<div class=\"charts\">\n";
  for (const auto& metric : metrics) {
    html += axis_cards("Validation " + metric_name(metric), runs, axes, [&](const RunLog& run, const RunAxis& axis) {
      std::vector<CurvePoint> points;
      for (const auto& evaluation : run.evaluations) {
        const auto value = evaluation.values.find(metric);
        if (value != evaluation.values.end()) points.push_back({on_axis(evaluation.place, axis), value->second});
      }
      return points;
    });
  }
  html += axis_cards("Training loss", runs, axes, [](const RunLog& run, const RunAxis& axis) {
    std::vector<CurvePoint> points;
    for (std::size_t i = 0; i < run.places.size(); ++i) {
      if (std::isfinite(run.train_losses[i])) points.push_back({on_axis(run.places[i], axis), run.train_losses[i]});
    }
    return points;
  });
  html += "</div>\n" + settings_table(runs);
  return html_page({"Learning curves",
                    counted(std::ssize(runs), "run", "runs"),
                    {},
                    std::string(kChartStyle) + std::string(kRunColours) + kRunStyle,
                    html,
                    "Training time is that of the steps, without evaluations and saving. Written by langzoo."});
}

}  // namespace langzoo
