#include "apps/cli/report.h"

#include <cctype>
#include <cmath>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/base/html.h"
#include "data/files/files.h"

namespace langzoo {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kStyle = R"css(
.samples { display: grid; gap: 12px; margin-top: 12px; }
pre b { color: var(--valid); font-weight: 600; }
)css";

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

std::string capitalized(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace

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
  return html_page({content.title, content.subtitle, content.headline, std::string(kChartStyle) + kStyle, html,
                    "One step is one update of the weights. Written by langzoo."});
}

void write_report(const std::filesystem::path& dir, const ReportContent& content) {
  write_file_atomically(dir / "report.html", report_page(content, read_file(dir / "metrics.jsonl")));
}

}  // namespace langzoo
