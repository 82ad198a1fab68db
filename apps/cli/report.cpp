#include "apps/cli/report.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/html.h"
#include "data/files/files.h"

namespace langzoo {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kStyle = R"css(
:root { --train: #9db8d9; --valid: #1f5fbf; --source: #b4552d; --plain: #4a7f6b; }
@media (prefers-color-scheme: dark) { :root { --train: #48648a; --valid: #7fb2ff; --source: #e59a74;
  --plain: #7cc0a5; } }
.narrow { display: none; }
@media (max-width: 640px) { .narrow { display: block; } .broad { display: none; } }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 12px; }
.charts .wide { grid-column: 1 / -1; }
.samples { display: grid; gap: 12px; margin-top: 12px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.train { stroke: var(--train); } .valid { stroke: var(--valid); } .plain { stroke: var(--plain); }
.source { stroke: var(--source); stroke-dasharray: 5 5; }
.dot { fill: var(--card); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin-bottom: 8px; }
.legend svg { display: inline-block; width: 22px; height: 8px; vertical-align: middle; margin-right: 6px; }
pre b { color: var(--valid); font-weight: 600; }
)css";

std::string tick_label(double value) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 10000) return with_unit(value);
  if (size < 0.01) {
    auto text = fmt::format("{:.0e}", value);  // 3e-04 -> 3e-4
    const auto zero = text.find("e-0");
    if (zero != std::string::npos) text.erase(zero + 2, 1);
    return text;
  }
  return fmt::format("{:.6g}", value);
}

std::vector<CurvePoint> finite_points(const std::vector<CurvePoint>& points) {
  std::vector<CurvePoint> kept;
  for (const auto& p : points) {
    if (std::isfinite(p.step) && std::isfinite(p.value)) kept.push_back(p);
  }
  return kept;
}

/// At most `most` points: means of neighbours.
std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points, std::size_t most) {
  if (points.size() <= most) return points;
  std::vector<CurvePoint> means;
  for (std::size_t i = 0; i < most; ++i) {
    const auto begin = points.size() * i / most, end = points.size() * (i + 1) / most;
    CurvePoint mean;
    for (auto j = begin; j < end; ++j) mean.step += points[j].step, mean.value += points[j].value;
    const auto n = static_cast<double>(end - begin);
    means.push_back({mean.step / n, mean.value / n});
  }
  return means;
}

std::string legend(const std::vector<Curve>& curves) {
  std::string html = "<div class=\"legend\">";
  for (const auto& curve : curves) {
    if (curve.points.empty()) continue;
    html += fmt::format("<span><svg viewBox=\"0 0 22 8\"><path class=\"curve {}\" d=\"M1 4H21\"/></svg>{}</span>",
                        curve.style, html_escaped(curve.name));
  }
  return html + "</div>";
}

std::string shown(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string table(const Json& section) {
  std::string html = "<table>";
  for (const auto& [key, value] : section.items()) {
    html +=
        fmt::format("<tr><td class=\"soft\">{}</td><td>{}</td></tr>", html_escaped(key), html_escaped(shown(value)));
  }
  return html + "</table>";
}

std::string chart_card(const std::string& title, const std::vector<Curve>& curves, bool wide) {
  const bool any = std::any_of(curves.begin(), curves.end(), [](const Curve& c) { return !c.points.empty(); });
  if (!any) return {};
  const auto head = fmt::format("<section class=\"card{}\"><h2>{}</h2>", wide ? " wide" : "", html_escaped(title));
  if (!wide) return head + svg_chart(title, curves, 460, 200) + "</section>\n";
  // Scaled down to a phone's width, the wide chart's letters would be too small to read.
  return head + legend(curves) + "<div class=\"broad\">" + svg_chart(title, curves, 940, 340) +
         "</div><div class=\"narrow\">" + svg_chart(title, curves, 460, 300) + "</div></section>\n";
}

std::string capitalized(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

bool changes(const Curve& curve) {
  return std::any_of(curve.points.begin(), curve.points.end(),
                     [&](const CurvePoint& p) { return p.value != curve.points.front().value; });
}

}  // namespace

std::vector<double> axis_ticks(double low, double high, int count) {
  const double range = high - low;
  if (!(range > 0) || !std::isfinite(range)) return {low};
  const double unit = std::pow(10, std::floor(std::log10(range / count)));
  double step = unit;
  for (const double factor : {2.0, 5.0, 10.0}) {
    if (range / step > count) step = factor * unit;
  }
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; (first + i) * step <= high + 1e-9 * step; ++i) ticks.push_back((first + i) * step);
  return ticks;
}

std::string svg_chart(const std::string& title, const std::vector<Curve>& curves, int width, int height) {
  constexpr double kLeft = 46, kRight = 12, kTop = 10, kBottom = 26;
  double x_high = 1, y_low = std::numeric_limits<double>::infinity(), y_high = -y_low;
  for (const auto& curve : curves) {
    for (const auto& p : finite_points(curve.points)) {
      x_high = std::max(x_high, p.step);
      y_low = std::min(y_low, p.value), y_high = std::max(y_high, p.value);
    }
  }
  if (y_low > y_high) y_low = 0, y_high = 1;
  if (y_low > 0 && y_low < 0.4 * y_high) y_low = 0;
  if (y_high - y_low < 1e-12 + 1e-6 * std::abs(y_high)) y_low -= 0.5 * std::abs(y_high) + 1e-9, y_high *= 1.5;
  const double margin = 0.04 * (y_high - y_low);
  if (y_low != 0) y_low -= margin;
  y_high += margin;
  const auto x = [&](double step) { return kLeft + step / x_high * (width - kLeft - kRight); };
  const auto y = [&](double v) {
    return height - kBottom - (v - y_low) / (y_high - y_low) * (height - kTop - kBottom);
  };

  auto svg =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", width, height, html_escaped(title));
  for (const double tick : axis_ticks(y_low, y_high, height > 250 ? 6 : 4)) {
    svg += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>", kLeft, y(tick), width - kRight);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 8, y(tick) + 4,
                       tick_label(std::abs(tick) < 1e-9 * y_high ? 0 : tick));
  }
  for (const double tick : axis_ticks(0, x_high, width > 600 ? 8 : 4)) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>", x(tick), height - 6,
                       tick_label(tick));
  }
  for (const auto& curve : curves) {
    const auto points = thinned(finite_points(curve.points), 600);
    std::string path;
    for (const auto& p : points) {
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x(p.step), y(p.value));
    }
    svg += fmt::format("<path class=\"curve {}\" d=\"{}\"/>", curve.style, path);
    if (points.size() > 40 || (points.size() > 1 && curve.style != "valid")) continue;
    for (const auto& p : points) {
      svg += fmt::format(
          "<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"><title>step {}: {:.4f}</title></circle>",
          curve.style, x(p.step), y(p.value), p.step, p.value);
    }
  }
  return svg + "</svg>";
}

std::string report_page(const ReportContent& content, const std::string& metrics) {
  Curve train{"training loss", "train", {}}, valid{"validation loss", "valid", {}};
  Curve rate{"learning rate", "plain", {}}, speed{content.unit + " per second", "plain", {}};
  std::map<std::string, Curve> terms, beside_loss, scores;
  const auto add = [](std::map<std::string, Curve>& curves, const std::string& name, const std::string& label,
                      const char* style, const CurvePoint& point) {
    curves.try_emplace(name, Curve{label, style, {}}).first->second.points.push_back(point);
  };
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);) {
    const auto entry = Json::parse(line, nullptr, false);
    if (!entry.is_object()) continue;
    const auto number = [](const Json& object, const char* key) {
      const auto found = object.find(key);
      return found != object.end() && found->is_number() ? found->get<double>() : std::nan("");
    };
    const double step = number(entry, "step");
    if (const auto v = entry.find("valid"); v != entry.end() && v->is_object()) {
      for (const auto& [name, value] : v->items()) {
        const CurvePoint point{step, number(*v, name.c_str())};
        const auto known = content.metrics.find(name);
        const Metric metric = known == content.metrics.end() ? Metric() : known->second;
        if (name == "loss") {
          valid.points.push_back(point);
        } else if (metric.chart == MetricChart::kLoss) {
          add(beside_loss, name, label_of(name, metric), "source", point);
        } else if (metric.chart == MetricChart::kOwn) {
          add(scores, name, "Validation: " + label_of(name, metric), "valid", point);
        }
      }
    } else {
      train.points.push_back({step, number(entry, "loss")});
      if (const auto l = entry.find("losses"); l != entry.end() && l->is_object()) {
        for (const auto& [name, value] : l->items())
          add(terms, name, "Training loss: " + name, "train", {step, number(*l, name.c_str())});
      }
      rate.points.push_back({step, number(entry, "learning_rate")});
      speed.points.push_back({step, number(entry, "tokens_per_second")});
    }
  }
  std::vector<Curve> losses = {train, valid};
  for (auto& [name, curve] : beside_loss) {
    // What stays the same is a line across the whole chart.
    if (!changes(curve) && !train.points.empty()) curve.points.insert(curve.points.begin(), {0, curve.points[0].value});
    losses.push_back(curve);
  }

  std::string html = "<div class=\"charts\">\n";
  html += chart_card("Loss, " + content.loss_unit, losses, true);
  for (const auto* curves : {&terms, &scores}) {
    for (const auto& [name, curve] : *curves) {
      if (changes(curve)) html += chart_card(curve.name, {curve}, false);
    }
  }
  html += chart_card("Learning rate", {rate}, false);
  html += chart_card(capitalized(speed.name), {speed}, false);
  html += "</div>\n";
  if (!content.samples.empty()) {
    html += "<div class=\"samples\">\n";
    for (const auto& sample : content.samples) {
      html += fmt::format("<section class=\"card\"><h2>What the model writes</h2><pre><b>{}</b>{}</pre></section>\n",
                          html_escaped(sample.prompt), html_escaped(sample.text));
    }
    html += "</div>\n";
  }
  html += "<div class=\"sections\">\n";
  const auto config = Json::parse(content.config, nullptr, false);
  for (const auto& [name, section] : config.items()) {
    if (!section.is_object()) continue;
    html += fmt::format("<section class=\"card\"><h2>{}</h2>{}</section>\n", html_escaped(name), table(section));
  }
  html += "</div>\n";
  return html_page({content.title, content.subtitle, content.headline, kStyle, html,
                    "One step is one update of the weights. Written by langzoo."});
}

void write_report(const std::filesystem::path& dir, const ReportContent& content) {
  write_file_atomically(dir / "report.html", report_page(content, read_file(dir / "metrics.jsonl")));
}

}  // namespace langzoo
