#include "apps/cli/compare/results.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/html.h"
#include "apps/cli/chart.h"
#include "apps/cli/text_lines.h"
#include "apps/training/comparison/comparison_task.h"
#include "data/files/files.h"

namespace langzoo {

namespace {

using Results = nlohmann::ordered_json;

constexpr const char* kCompareStyle = R"css(
.figures { display: none; }
.charts, .table, .sections, .samples { margin-top: 12px; }
.table { overflow-x: auto; margin-top: 20px; }
.table table { width: auto; min-width: 100%; font-size: 12.5px; }
.table td + td { padding-left: 11px; }
.table th { font-weight: 500; text-align: right; padding: 0 0 6px 11px; color: var(--soft); vertical-align: bottom; }
.table th:first-child { text-align: left; padding-left: 0; }
.table td { white-space: nowrap; overflow-wrap: normal; }
.table td:first-child svg { display: inline-block; width: 22px; height: 8px; vertical-align: middle; margin-right: 6px; }
.table td.best { font-weight: 650; }
.table p { margin: 10px 0 0; font-size: 13px; color: var(--soft); }
.error td { color: var(--source); white-space: normal; text-align: left; }
.dashed { stroke-dasharray: 6 4; }
.axes input { position: absolute; opacity: 0; }
.axes label { display: inline-block; padding: 3px 12px; margin: 0 6px 12px 0; border: 1px solid var(--line);
  border-radius: 99px; font-size: 13px; cursor: pointer; color: var(--soft); }
.axes input:checked + label { background: var(--ink); color: var(--card); border-color: var(--ink); }
.axes input:focus-visible + label { outline: 2px solid var(--valid); outline-offset: 2px; }
.axes .axis { display: none; }
#axis0:checked ~ .axis0, #axis1:checked ~ .axis1, #axis2:checked ~ .axis2, #axis3:checked ~ .axis3 { display: block; }
.samples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 12px; }
.samples b { color: var(--valid); font-weight: 600; }
.samples .soft { font-size: 13px; margin-bottom: 6px; }
.heat rect { fill: var(--valid); }
.heat text { font-size: 11px; }
.axis-name { font-size: 12px; }
.fit { stroke-dasharray: 4 4; stroke-width: 1.5; fill: none; }
)css";

std::optional<double> number_of(const Results& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

/// Of a score, its mean.
std::optional<double> score_of(const Results& model, const std::string& name) {
  const auto& metrics = model.at("metrics");
  const auto found = metrics.find(name);
  return found == metrics.end() ? std::nullopt : number_of(*found, "mean");
}

std::string shown(const std::optional<double>& value) {
  if (!value) return "-";
  const double size = std::abs(*value);
  if (size != 0 && (size < 1e-3 || size >= 1e5)) return size < 1e-3 ? fmt::format("{:.2e}", *value) : with_unit(*value);
  return fmt::format("{:.{}f}", *value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 4);
}
std::string in_units(const std::optional<double>& value) {
  if (!value) return "-";
  if (*value == 0) return "0";
  constexpr std::pair<double, const char*> kLarge[] = {{1e15, "P"}, {1e12, "T"}, {1e9, "G"}};
  for (const auto& [unit, letter] : kLarge) {
    if (*value >= unit) return fmt::format("{:.3g}{}", *value / unit, letter);
  }
  return with_unit(*value);
}
std::string bytes_of(const std::optional<double>& value) {
  if (!value) return "-";
  return *value >= 1e9 ? fmt::format("{:.2f} GB", *value / 1e9) : fmt::format("{:.3g} MB", *value / 1e6);
}

struct Column {
  std::string title;
  std::function<std::string(const Results& model)> text;
  std::string score = {};  ///< whose best one is set off
  bool low = true;         ///< the lower the better
};

bool any_number(const Results& models, const char* key) {
  return std::any_of(models.begin(), models.end(), [&](const auto& m) { return number_of(m, key).has_value(); });
}

const ComparisonTask* task_of(const Results& results) {
  const auto name = results.at("spec").value("task", "");
  for (const auto* const task : comparison_tasks()) {
    if (task->name() == name) return task;
  }
  return nullptr;
}

std::vector<ScoreInfo> scores_of(const Results& results) {
  std::vector<ScoreInfo> there;
  const auto* const task = task_of(results);
  if (task == nullptr) return there;
  for (const auto& info : task->scores()) {
    const auto& models = results.at("models");
    if (std::any_of(models.begin(), models.end(), [&](const auto& m) { return score_of(m, info.name).has_value(); }))
      there.push_back(info);
  }
  return there;
}

std::vector<Column> columns_of(const Results& results) {
  const auto& models = results.at("models");
  std::vector<Column> columns;
  const auto figure = [&](const char* title, const char* key, std::string (*text)(const std::optional<double>&)) {
    if (any_number(models, key))
      columns.push_back({title, [key, text](const Results& m) { return text(number_of(m, key)); }});
  };
  for (const auto& info : scores_of(results)) {
    const auto text = [name = info.name](const Results& m) {
      const auto mean = score_of(m, name);
      if (!mean || m.at("seeds") < 2) return shown(mean);
      return fmt::format("{} \u00b1 {}", shown(mean), shown(*mean - m.at("metrics").at(name).at("low").get<double>()));
    };
    columns.push_back({info.label, text, info.name, info.direction == Direction::kLowerIsBetter});
  }
  const auto p_value = [](const Results& m) -> std::string {
    const auto found = m.find("significance");
    if (found == m.end() || !found->is_object()) return "-";
    const auto p = number_of(*found, "p_value");
    return p ? fmt::format("{:.3f}", *p) : "-";
  };
  if (std::any_of(models.begin(), models.end(), [&](const auto& m) { return p_value(m) != "-"; }))
    columns.push_back({"p, best", p_value});
  // Tables that were counted are no parameters.
  figure("parameters", "parameters", [](const std::optional<double>& n) { return n == 0.0 ? "-" : in_units(n); });
  figure("FLOPs a token", "flops_per_token", in_units);
  figure("tokens learned from", "train_tokens", in_units);
  if (any_number(models, "train_seconds")) {
    columns.push_back({"training", [](const Results& m) {
                         const auto seconds = number_of(m, "train_seconds");
                         return seconds ? as_duration(*seconds) : std::string("-");
                       }});
  }
  figure("tokens/s training", "train_tokens_per_second", in_units);
  figure("tokens/s inference", "eval_tokens_per_second", in_units);
  figure("peak memory", "peak_memory_bytes", bytes_of);
  figure("on disk", "disk_bytes", bytes_of);
  return columns;
}

/// The best mean of a score; nothing where there is none.
std::optional<double> best_of(const Results& models, const Column& column) {
  std::optional<double> best;
  for (const auto& model : models) {
    const auto mean = column.score.empty() ? std::nullopt : score_of(model, column.score);
    if (mean && (!best || (column.low ? *mean < *best : *mean > *best))) best = mean;
  }
  return best;
}

std::string name_in(const Results& model) {
  return model.value("name", "");
}
std::string error_in(const Results& model) {
  return model.contains("error") && model["error"].is_string() ? model["error"].get<std::string>() : "";
}

// The page.

std::string style_of(std::size_t i) {
  return fmt::format("run{}{}", i % 8, i < 8 ? "" : " dashed");
}

/// By what score the best one is the best of which the column "p, best" speaks.
std::string note_of_significance(const Results& results) {
  for (const auto& model : results.at("models")) {
    const auto found = model.find("significance");
    if (found == model.end() || !found->is_object() || !number_of(*found, "p_value")) continue;
    const auto metric = found->value("metric", "");
    auto label = metric;
    for (const auto& info : scores_of(results)) {
      if (info.name == metric) label = info.label;
    }
    return fmt::format(
        " \u201cp, best\u201d is how likely a difference in {} as large as that from {} is by chance (paired bootstrap "
        "over the test data).",
        html_escaped(label), html_escaped(found->value("against", "")));
  }
  return {};
}

std::string table_of(const Results& results) {
  const auto& models = results.at("models");
  const auto columns = columns_of(results);
  std::string html = "<section class=\"card table\"><h2>Scores and costs</h2><table><tr><th>model</th>";
  for (const auto& column : columns) html += fmt::format("<th>{}</th>", html_escaped(column.title));
  html += "</tr>\n";
  for (std::size_t i = 0; i < models.size(); ++i) {
    const auto& model = models[i];
    const auto label = fmt::format("<svg viewBox=\"0 0 22 8\"><path class=\"curve {}\" d=\"M1 4H21\"/></svg>{}",
                                   style_of(i), html_escaped(name_in(model)));
    if (const auto error = error_in(model); !error.empty() && model["metrics"].empty()) {
      html += fmt::format("<tr class=\"error\"><td>{}</td><td colspan=\"{}\">{}</td></tr>\n", label, columns.size(),
                          html_escaped(error));
      continue;
    }
    html += fmt::format("<tr><td>{}</td>", label);
    for (const auto& column : columns) {
      const auto best = best_of(models, column);
      const bool is_best = best && score_of(model, column.score) == best;
      html += fmt::format("<td{}>{}</td>", is_best ? " class=\"best\"" : "", html_escaped(column.text(model)));
    }
    html += "</tr>\n";
  }
  html += "</table>";
  html += "<p>Bold: the best. FLOPs are those of training, forward and backward, by formula; a multiply-add is two." +
          note_of_significance(results);
  const auto& specs = results.at("spec").value("models", Results::array());
  if (std::any_of(specs.begin(), specs.end(), [](const auto& m) { return !m.value("pretraining", "").empty(); }))
    html += " Tokens, times and FLOPs are of the task alone, without the pretraining before it.";
  if (std::any_of(models.begin(), models.end(), [](const auto& m) { return m.at("seeds") > 1; }))
    html += " \u00b1: half of a 95 % confidence interval over seeds.";
  return html + "</p></section>\n";
}

struct CompareAxis {
  const char* key;
  std::string title;
  double unit;
};

/// By a unit in which the largest number is one to a thousand, or so.
CompareAxis axis_of(const Results& models, const char* key) {
  double most = 0;
  for (const auto& model : models) {
    for (const auto& point : model.at("curve")) most = std::max(most, number_of(point, key).value_or(0));
  }
  const std::string name = key;
  if (name == "seconds") {
    if (most < 180) return {key, "seconds", most < 1 ? 0.001 : 1};
    return most < 10800 ? CompareAxis{key, "minutes", 60} : CompareAxis{key, "hours", 3600};
  }
  if (name != "flops") return {key, name == "step" ? "steps" : name, 1};
  constexpr std::pair<const char*, double> kUnits[] = {
      {"PFLOPs", 1e15}, {"TFLOPs", 1e12}, {"GFLOPs", 1e9}, {"MFLOPs", 1e6}};
  for (const auto& [unit, size] : kUnits) {
    if (most >= size) return {key, unit, size};
  }
  return {key, "FLOPs", 1};
}

std::optional<double> source_of(const Results& results) {
  // The source's nats a token: what a model has, less what it has above it.
  for (const auto& model : results.at("models")) {
    const auto all = score_of(model, "nats_per_token"), above = score_of(model, "nats_above_source");
    if (all && above) return *all - *above;
  }
  return std::nullopt;
}

std::string curves_of(const Results& results) {
  const auto& models = results.at("models");
  const auto* const task = task_of(results);
  const auto source = source_of(results);
  std::string inputs, charts;
  std::size_t shown_axes = 0;
  for (const auto* const key : {"step", "tokens", "seconds", "flops"}) {
    const auto axis = axis_of(models, key);
    std::vector<Curve> curves;
    double end = 0;
    for (std::size_t i = 0; i < models.size(); ++i) {
      Curve curve{name_in(models[i]), style_of(i), {}};
      for (const auto& point : models[i].at("curve")) {
        const auto x = number_of(point, key), y = number_of(point, "valid_loss");
        if (x && y)
          curve.points.push_back({std::round(*x / axis.unit * 1e4) / 1e4, *y}), end = std::max(end, *x / axis.unit);
      }
      if (!curve.points.empty()) curves.push_back(std::move(curve));
    }
    if (curves.empty() || end <= 0) continue;
    if (source) curves.push_back({"entropy of the source", "source", {{0, *source}, {end, *source}}});
    const auto title = fmt::format("Validation loss, {}, by {}", task == nullptr ? "" : task->loss_unit(), axis.title);
    inputs += fmt::format("<input type=\"radio\" name=\"axis\" id=\"axis{0}\"{1}><label for=\"axis{0}\">{2}</label>",
                          shown_axes, shown_axes == 0 ? " checked" : "", html_escaped(axis.title));
    std::string legend = "<div class=\"legend\">";
    for (const auto& curve : curves)
      legend += fmt::format("<span><svg viewBox=\"0 0 22 8\"><path class=\"curve {}\" d=\"M1 4H21\"/></svg>{}</span>",
                            curve.style, html_escaped(curve.name));
    legend += "</div>";
    charts += fmt::format(
        "<div class=\"axis axis{}\">{}<div class=\"broad\">{}</div><div class=\"narrow\">{}</div></div>", shown_axes,
        legend, svg_chart(title, curves, 940, 360, axis.title), svg_chart(title, curves, 460, 320, axis.title));
    ++shown_axes;
  }
  if (shown_axes == 0) return {};
  return fmt::format(
      "<div class=\"charts\"><section class=\"card wide axes\"><h2>Validation loss, {}</h2>{}{}</section></div>\n",
      task == nullptr ? "" : task->loss_unit(), inputs, charts);
}

std::string samples_of(const Results& models) {
  std::string cards;
  for (const auto& model : models) {
    std::string text;
    for (const auto& sample : model.at("samples")) {
      text += fmt::format("<pre><b>{}</b>{}</pre>", html_escaped(sample.value("prompt", "")),
                          html_escaped(sample.value("text", "")));
    }
    if (!text.empty())
      cards += fmt::format("<section class=\"card\"><h2>{}</h2>{}</section>\n", html_escaped(name_in(model)), text);
  }
  return cards.empty() ? cards : "<div class=\"samples\">\n" + cards + "</div>\n";
}

/// Cells as dark as weights are large.
std::string heat_map(const Results& picture) {
  const auto& queries = picture.at("queries");
  const auto& keys = picture.at("keys");
  constexpr double kCell = 16, kLetter = 6.2;
  const auto longest = [](const Results& names) {
    std::size_t most = 1;
    for (const auto& name : names) most = std::max(most, std::min<std::size_t>(18, name.get<std::string>().size()));
    return static_cast<double>(most) * kLetter + 8;
  };
  const double left = longest(queries), top = longest(keys);
  const double width = left + kCell * static_cast<double>(keys.size()) + 8,
               height = top + kCell * static_cast<double>(queries.size()) + 4;
  auto svg = fmt::format(
      "<svg class=\"heat\" viewBox=\"0 0 {:.0f} {:.0f}\" style=\"max-width:{:.0f}px\" role=\"img\" aria-label=\"{}\">",
      width, height, width * 1.4, html_escaped(picture.value("title", "")));
  for (std::size_t k = 0; k < keys.size(); ++k) {
    const double x = left + kCell * (static_cast<double>(k) + 0.7);
    svg += fmt::format("<text x=\"{0:.1f}\" y=\"{1:.1f}\" transform=\"rotate(-90 {0:.1f} {1:.1f})\">{2}</text>", x,
                       top - 4, html_escaped(one_line(keys[k].get<std::string>())));
  }
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const double y = top + kCell * static_cast<double>(q);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", left - 5, y + 12,
                       html_escaped(one_line(queries[q].get<std::string>())));
    const auto& row = picture.at("weights").at(q);
    for (std::size_t k = 0; k < row.size(); ++k) {
      const double weight = row[k].is_number() ? row[k].get<double>() : 0;
      if (weight < 0.01) continue;
      svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{}\" height=\"{}\" opacity=\"{:.2f}\"/>",
                         left + kCell * static_cast<double>(k), y, kCell - 1, kCell - 1, std::min(1.0, weight));
    }
  }
  return svg + "</svg>";
}

std::string pictures_of(const Results& models) {
  std::string cards;
  for (const auto& model : models) {
    for (const auto& picture : model.at("pictures")) {
      cards += fmt::format(
          "<section class=\"card\"><h2>{}: what attends to what</h2><div class=\"soft\">{}</div>{}</section>\n",
          html_escaped(name_in(model)), html_escaped(picture.value("title", "")), heat_map(picture));
    }
  }
  return cards.empty() ? cards : "<div class=\"samples\">\n" + cards + "</div>\n";
}

// Scaling.

struct Sized {
  std::string name, family, style;
  double size = 0, loss = 0;
};

struct PowerLaw {
  double factor = 0, power = 0;  ///< loss = factor size^power
};
/// Least squares of the logarithms.
PowerLaw fit_of(const std::vector<Sized>& points) {
  double x = 0, y = 0, xx = 0, xy = 0;
  const auto n = static_cast<double>(points.size());
  for (const auto& p : points) {
    const double a = std::log(p.size), b = std::log(p.loss);
    x += a, y += b, xx += a * a, xy += a * b;
  }
  const double power = (n * xy - x * y) / (n * xx - x * x);
  return {std::exp((y - power * x) / n), power};
}

std::string log_chart(const std::string& title, const std::vector<Sized>& points, const std::string& x_name,
                      const std::string& y_name) {
  double x_low = points[0].size, x_high = x_low, y_low = points[0].loss, y_high = y_low;
  std::map<std::string, std::vector<Sized>> families;
  for (const auto& p : points) {
    x_low = std::min(x_low, p.size), x_high = std::max(x_high, p.size);
    y_low = std::min(y_low, p.loss), y_high = std::max(y_high, p.loss);
    families[p.family].push_back(p);
  }
  constexpr double kWidth = 460, kHeight = 300, kLeft = 56, kRight = 14, kTop = 12, kBottom = 40;
  const double x0 = std::log(x_low) - 0.15, x1 = std::log(x_high) + 0.15;
  const double margin = 0.06 + 0.1 * std::log(y_high / y_low);
  const double y0 = std::log(y_low) - margin, y1 = std::log(y_high) + margin;
  const auto x = [&](double v) { return kLeft + (std::log(v) - x0) / (x1 - x0) * (kWidth - kLeft - kRight); };
  const auto y = [&](double v) {
    return kHeight - kBottom - (std::log(v) - y0) / (y1 - y0) * (kHeight - kTop - kBottom);
  };
  auto svg =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", kWidth, kHeight, html_escaped(title));
  const auto ticks = [](double low, double high) {
    std::vector<double> at;
    for (double decade = std::pow(10, std::floor(low / std::log(10.0))); std::log(decade) <= high; decade *= 10) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        const double v = std::log(decade * factor);
        if (v >= low && v <= high) at.push_back(decade * factor);
      }
    }
    if (at.size() < 2) {
      at.clear();
      for (const double share : {0.15, 0.5, 0.85}) at.push_back(std::exp(low + share * (high - low)));
    }
    return at;
  };
  for (const double tick : ticks(y0, y1)) {
    svg += fmt::format(
        "<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/><text x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"end\">{:.3g}</text>",
        kLeft, y(tick), kWidth - kRight, kLeft - 6, y(tick) + 4, tick);
  }
  for (const double tick : ticks(x0, x1)) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", x(tick),
                       kHeight - kBottom + 16, in_units(tick));
  }
  svg += fmt::format("<text class=\"axis-name\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                     (kLeft + kWidth - kRight) / 2, kHeight - 4, html_escaped(x_name));
  std::string laws;
  for (const auto& [family, of_family] : families) {
    std::set<double> sizes;
    for (const auto& p : of_family) sizes.insert(p.size);
    if (sizes.size() < 3) continue;
    const auto law = fit_of(of_family);
    const double from = *sizes.begin(), to = *sizes.rbegin();
    svg += fmt::format("<path class=\"curve fit plain\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>", x(from),
                       y(law.factor * std::pow(from, law.power)), x(to), y(law.factor * std::pow(to, law.power)));
    laws += fmt::format("<div class=\"soft\">{}: {} = {:.3g} \u00b7 x<sup>{:.3f}</sup></div>", html_escaped(family),
                        html_escaped(y_name), law.factor, law.power);
  }
  struct Label {
    double x, y, half;
  };
  std::vector<Label> labels;
  const auto is_free = [&](const Label& label) {
    constexpr double kLine = 12;
    return std::none_of(labels.begin(), labels.end(), [&](const Label& other) {
      return std::abs(other.x - label.x) < other.half + label.half && std::abs(other.y - label.y) < kLine;
    });
  };
  for (const auto& p : points) {
    // Above the point, or where there is room for it.
    constexpr double kCharacter = 6.5;
    const double half = kCharacter / 2 * static_cast<double>(p.name.size());
    Label label{x(p.size), y(p.loss) - 9, half};
    for (const double below : {-9.0, 19.0, -21.0, 31.0}) {
      const Label tried{x(p.size), y(p.loss) + below, half};
      if (!is_free(tried)) continue;
      label = tried;
      break;
    }
    labels.push_back(label);
    svg += fmt::format(
        "<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"><title>{}: {} {:.4g}</title></circle>", p.style,
        x(p.size), y(p.loss), html_escaped(p.name), in_units(p.size), p.loss);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", label.x, label.y,
                       html_escaped(p.name));
  }
  return fmt::format("<section class=\"card\"><h2>{}</h2>{}</svg>{}</section>\n", html_escaped(title), svg, laws);
}

std::string scaling_of(const Results& results) {
  const auto& models = results.at("models");
  const auto scores = scores_of(results);
  if (scores.empty() || scores[0].direction != Direction::kLowerIsBetter) return {};
  const bool above = source_of(results).has_value();
  const std::string metric = above ? "nats_above_source" : scores[0].name;
  const std::string loss_name = above ? "nats a token above the source" : scores[0].label;
  std::string cards;
  for (const auto& [by, what] : {std::pair("parameters", "parameters"), std::pair("flops", "training FLOPs")}) {
    std::vector<Sized> points;
    double low = 0, high = 0;
    for (std::size_t i = 0; i < models.size(); ++i) {
      const auto& m = models[i];
      auto size = number_of(m, by);
      if (std::string(by) == "flops") {
        const auto each = number_of(m, "flops_per_token"), tokens = number_of(m, "train_tokens");
        size = each && tokens ? std::optional(*each * *tokens) : std::nullopt;
      }
      const auto loss = score_of(m, metric);
      if (!size || *size <= 0 || !loss || *loss <= 0) continue;
      low = points.empty() ? *size : std::min(low, *size), high = std::max(high, *size);
      points.push_back({name_in(m), m.value("family", ""), style_of(i), *size, *loss});
    }
    if (points.size() < 3 || high < 1.3 * low) continue;
    cards += log_chart(fmt::format("Loss over {}", what), points, what, loss_name);
  }
  return cards.empty() ? cards : "<div class=\"charts\">\n" + cards + "</div>\n";
}

std::string budget_text(const Results& results) {
  const auto& budget = results.at("budget");
  if (!budget.is_object() || budget.empty()) return "no training";
  const auto name = budget.begin().key();
  const auto amount = budget.begin()->get<double>();
  if (name == "time") return as_duration(amount) + " of training each";
  return fmt::format("{} {} each", in_units(amount), name == "flops" ? "training FLOPs" : "tokens");
}

}  // namespace

std::string comparison_table(const std::string& text, const std::string& metric) {
  const auto results = Results::parse(text);
  std::vector<Results> models(results.at("models").begin(), results.at("models").end());
  for (const auto& info : scores_of(results)) {
    if (info.name != metric) continue;
    const bool low = info.direction == Direction::kLowerIsBetter;
    std::stable_sort(models.begin(), models.end(), [&](const Results& a, const Results& b) {
      const auto x = score_of(a, metric), y = score_of(b, metric);
      return x && (!y || (low ? *x < *y : *x > *y));
    });
  }
  std::string failed;
  if (!metric.empty() && std::none_of(models.begin(), models.end(), [&](const auto& m) { return score_of(m, metric); }))
    failed = fmt::format("no model has a {} of this data: the order is the spec's\n", metric);
  std::vector<std::vector<std::string>> rows(1, {"model"});
  const auto columns = columns_of(results);
  for (const auto& column : columns) rows[0].push_back(column.title);
  for (const auto& model : models) {
    if (const auto error = error_in(model); !error.empty()) failed += fmt::format("{}: {}\n", name_in(model), error);
    if (model.at("metrics").empty()) continue;
    auto& row = rows.emplace_back(1, name_in(model));
    for (const auto& column : columns) row.push_back(column.text(model));
  }
  const auto width_of = [](const std::string& cell) {  // in characters
    return static_cast<std::size_t>(std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xc0) != 0x80; }));
  };
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string table;
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string pad(widths[c] - width_of(row[c]), ' ');
      table += c == 0 ? row[c] + (row.size() > 1 ? pad : "") : "  " + pad + row[c];
    }
    table += '\n';
  }
  return table + failed;
}

std::string comparison_page(const std::string& text) {
  const auto results = Results::parse(text);
  const auto& models = results.at("models");
  const auto& spec = results.at("spec");
  const auto name = spec.value("name", "");
  HtmlPage page;
  page.title = "langzoo-compare" + (name.empty() ? "" : ": " + name);
  page.subtitle =
      fmt::format("{} on {}, {}", spec.value("task", ""), results.at("data").value("train", ""), budget_text(results));
  page.style = std::string(kChartStyle) + std::string(kRunColours) + kCompareStyle;
  page.body = table_of(results) + curves_of(results) + scaling_of(results) + samples_of(models) + pictures_of(models);
  page.footer = "All models read the same tokens in the same order. Written by langzoo.";
  return html_page(page);
}

void write_comparison_page(const std::filesystem::path& out) {
  const auto file = out / "results.json";
  const auto text = read_file(file, std::uint64_t{1} << 30);
  std::string page;
  try {
    page = comparison_page(text);
  } catch (const nlohmann::json::exception& error) {
    throw FileError(file, "is none of a comparison's");
  }
  write_file_atomically(out / "report.html", page);
}

}  // namespace langzoo
