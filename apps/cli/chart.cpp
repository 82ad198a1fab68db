#include "apps/cli/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/html.h"

namespace langzoo {

const std::string_view kRunColours = R"css(
:root { --run0: #0b6bb8; --run1: #d55e00; --run2: #00835f; --run3: #a83f8a; --run4: #8a6d00; --run5: #3a3f47;
  --run6: #3aa0dc; --run7: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --run0: #62b0f0; --run1: #ff9a4d; --run2: #3ccfa0; --run3: #e58cc8;
  --run4: #e0c040; --run5: #c8ccd2; --run6: #a0dcff; --run7: #ff8a80; } }
.run0 { stroke: var(--run0); } .run1 { stroke: var(--run1); } .run2 { stroke: var(--run2); }
.run3 { stroke: var(--run3); } .run4 { stroke: var(--run4); } .run5 { stroke: var(--run5); }
.run6 { stroke: var(--run6); } .run7 { stroke: var(--run7); }
)css";

const std::string_view kChartStyle = R"css(
:root { --train: #9db8d9; --valid: #1f5fbf; --source: #b4552d; --plain: #4a7f6b; }
@media (prefers-color-scheme: dark) { :root { --train: #48648a; --valid: #7fb2ff; --source: #e59a74;
  --plain: #7cc0a5; } }
.narrow { display: none; }
@media (max-width: 640px) { .narrow { display: block; } .broad { display: none; } }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 12px; }
.charts .wide { grid-column: 1 / -1; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.train { stroke: var(--train); } .valid { stroke: var(--valid); } .plain { stroke: var(--plain); }
.source { stroke: var(--source); stroke-dasharray: 5 5; }
.dot { fill: var(--card); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin-bottom: 8px; }
.legend svg { display: inline-block; width: 22px; height: 8px; vertical-align: middle; margin-right: 6px; }
)css";

namespace {

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

/// Those that can be drawn: sums and differences of larger numbers would not be finite.
std::vector<CurvePoint> finite_points(const std::vector<CurvePoint>& points) {
  constexpr double kMost = 1e300;
  std::vector<CurvePoint> kept;
  for (const auto& p : points) {
    if (std::abs(p.step) <= kMost && std::abs(p.value) <= kMost) kept.push_back(p);
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

}  // namespace

bool changes(const Curve& curve) {
  return std::any_of(curve.points.begin(), curve.points.end(),
                     [&](const CurvePoint& p) { return p.value != curve.points.front().value; });
}

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

std::string svg_chart(const std::string& title, const std::vector<Curve>& curves, int width, int height,
                      const std::string& x_name) {
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
    const bool evaluations = curve.style == "valid" || curve.style.starts_with("run");
    if (points.size() > 40 || (points.size() > 1 && !evaluations)) continue;
    for (const auto& p : points) {
      svg += fmt::format(
          "<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"><title>{} {:.7g}: {:.4f}</title></circle>",
          curve.style, x(p.step), y(p.value), x_name, p.step, p.value);
    }
  }
  return svg + "</svg>";
}

std::string chart_card(const std::string& title, const std::vector<Curve>& curves, bool wide,
                       const std::string& x_name) {
  const bool any = std::any_of(curves.begin(), curves.end(), [](const Curve& c) { return !c.points.empty(); });
  if (!any) return {};
  const auto head = fmt::format("<section class=\"card{}\"><h2>{}</h2>", wide ? " wide" : "", html_escaped(title));
  if (!wide) return head + svg_chart(title, curves, 460, 200, x_name) + "</section>\n";
  // Scaled down to a phone's width, the wide chart's letters would be too small to read.
  return head + legend(curves) + "<div class=\"broad\">" + svg_chart(title, curves, 940, 340, x_name) +
         "</div><div class=\"narrow\">" + svg_chart(title, curves, 460, 300, x_name) + "</div></section>\n";
}

}  // namespace langzoo
