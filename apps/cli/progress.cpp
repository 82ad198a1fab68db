#include "apps/cli/progress.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "apps/cli/base/figures.h"

namespace langzoo {

namespace {

std::string figures(const StepReport& r, const std::string& unit) {
  auto text = std::isfinite(r.loss) ? fmt::format("loss {:.4f}  lr {:.1e}  ", r.loss, r.learning_rate) : std::string();
  text += fmt::format("{} {}/s", with_unit(r.tokens_per_second), unit);
  if (r.step < r.max_steps) text += fmt::format("  {} left", as_duration(r.seconds_left));
  return text;
}

}  // namespace

Progress::Progress(std::ostream& out, bool terminal, int columns, std::string unit)
    : status_(out, terminal, columns), unit_(std::move(unit)) {}

void Progress::on_step(const StepReport& report) {
  Status status;
  status.label = "step";
  status.counter = fmt::format("{}/{}", report.step, report.max_steps);
  status.fraction = report.max_steps > 0 ? static_cast<double>(report.step) / report.max_steps : 1.0;
  status.figures = figures(report, unit_);
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
  if (loss != metrics.end()) text = fmt::format("valid loss {:.4f}", loss->second);
  for (const auto& [name, value] : metrics) {
    if (name == "loss") continue;
    auto words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    text += fmt::format("{}{} {:.4g}", text.empty() ? "valid " : "   ", words, value);
  }
  return text;
}

}  // namespace langzoo
