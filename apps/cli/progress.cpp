#include "apps/cli/progress.h"

#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/figures.h"

namespace langzoo {

namespace {

std::string figures(const StepReport& r) {
  std::string text;
  if (std::isfinite(r.loss)) {
    std::vector<std::string> terms;
    for (const auto& [name, loss] : r.losses) terms.push_back(fmt::format("{} {:.4f}", name, loss));
    const auto parts = terms.empty() ? std::string() : fmt::format(" ({})", fmt::join(terms, ", "));
    text = fmt::format("loss {:.4f}{}  lr {:.1e}  ", r.loss, parts, r.learning_rate);
  }
  text += fmt::format("{} {}/s", with_unit(r.tokens_per_second), r.unit);
  if (r.step < r.max_steps) text += fmt::format("  {} left", as_duration(r.seconds_left));
  return text;
}

}  // namespace

Progress::Progress(std::ostream& out, bool terminal, int columns) : status_(out, terminal, columns) {}

void Progress::on_step(const StepReport& report) {
  Status status;
  status.label = "step";
  status.counter = fmt::format("{}/{}", report.step, report.max_steps);
  status.fraction = report.max_steps > 0 ? static_cast<double>(report.step) / report.max_steps : 1.0;
  status.figures = figures(report);
  status.last = report.step >= report.max_steps;
  status_.update(std::move(status));
}

void Progress::on_eval(const EvalReport& report) {
  line(fmt::format("step {}  {}{}", report.step, in_words(report.metrics), report.best ? "   best so far" : ""));
}

void Progress::on_checkpoint(std::int64_t /*step*/, const std::filesystem::path& /*dir*/) {}

void Progress::on_message(const std::string& text) {
  line(text);
}

std::string in_words(const EvalMetrics& metrics) {
  std::string text;
  const auto loss = metrics.find("loss");
  if (loss != metrics.end()) text = fmt::format("valid {} {:.4f}", label_of("loss", loss->second), loss->second.value);
  for (const auto& [name, metric] : metrics) {
    if (name == "loss") continue;
    text += fmt::format("{}{} {:.4g}", text.empty() ? "valid " : "   ", label_of(name, metric), metric.value);
  }
  return text;
}

}  // namespace langzoo
