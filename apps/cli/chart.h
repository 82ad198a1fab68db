/// Curves as SVG, for pages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// CSS of a page that has charts.
extern const std::string_view kChartStyle;

/// That of the curves of several runs, run0 to run7: eight colours that are told apart in both modes, also by most who
/// see fewer of them.
extern const std::string_view kRunColours;

/// A point of a curve; `step` counts optimizer steps, or what else the axis is.
struct CurvePoint {
  double step = 0, value = 0;
};

struct Curve {
  std::string name;
  std::string style;  ///< a CSS class of the page: train, valid, source, plain; run0 and on of evaluations
  std::vector<CurvePoint> points;
};

/// Round numbers that divide [low, high] into about `count` parts.
std::vector<double> axis_ticks(double low, double high, int count);

/// An SVG chart of `curves` over the step, or what else `x_name` is. Points that are not finite are left out; long
/// curves are averaged down to what a screen can show.
std::string svg_chart(const std::string& title, const std::vector<Curve>& curves, int width, int height,
                      const std::string& x_name = "step");

/// The chart with its headline, on a card; with a legend where it is as wide as the page. Empty where no curve has
/// points.
std::string chart_card(const std::string& title, const std::vector<Curve>& curves, bool wide,
                       const std::string& x_name = "step");

/// Whether its values differ.
bool changes(const Curve& curve);

}  // namespace langzoo
