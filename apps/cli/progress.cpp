#include "apps/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace langzoo {

namespace {

constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr auto kLineEvery = std::chrono::seconds(5);
constexpr int kWidestBar = 32;

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// A bar of `width` cells, drawn to half a cell.
std::string bar(double fraction, int width) {
  const int halves = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * 2 * width);
  std::string text = "\x1b[36m";
  for (int i = 0; i < halves / 2; ++i) text += "━";
  if (halves % 2 != 0) text += "╸";
  text += "\x1b[90m";
  for (int i = (halves + 1) / 2; i < width; ++i) text += "━";
  return text + "\x1b[0m";
}

std::string figures(const StepReport& r) {
  auto text = fmt::format("loss {:.4f}  lr {:.1e}  {} tok/s", r.loss, r.learning_rate, with_unit(r.tokens_per_second));
  if (r.step < r.max_steps) text += fmt::format("  {} left", as_duration(r.seconds_left));
  return text;
}

}  // namespace

Progress::Progress(std::ostream& out, bool terminal, int columns) : out_(out), terminal_(terminal), columns_(columns) {}

Progress::~Progress() {
  finish();
}

void Progress::finish() {
  if (terminal_ && drawn_) {
    draw();
    out_ << '\n' << std::flush;
  }
  drawn_ = false;
}

bool Progress::stderr_is_terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && (term == nullptr || std::strcmp(term, "dumb") != 0);
}

void Progress::on_step(const StepReport& report) {
  last_ = report;
  const auto now = Clock::now();
  const bool finished = report.step >= report.max_steps;
  if (terminal_) {
    if (!drawn_ || finished || now - drawn_at_ >= kRedrawEvery) draw();
  } else if (printed_at_ == Clock::time_point{} || finished || now - printed_at_ >= kLineEvery) {
    printed_at_ = now;
    out_ << fmt::format("step {}/{}  {}\n", report.step, report.max_steps, figures(report)) << std::flush;
  }
}

void Progress::on_eval(const EvalReport& report) {
  line(fmt::format("step {}  {}{}", report.step, in_words(report.metrics), report.best ? "   best so far" : ""));
}

void Progress::on_checkpoint(std::int64_t /*step*/, const std::filesystem::path& /*dir*/) {}

void Progress::on_message(const std::string& text) {
  line(text);
}

void Progress::line(const std::string& text) {
  erase();
  out_ << text << '\n' << std::flush;
  if (terminal_ && last_.step > 0 && last_.step < last_.max_steps) draw();
}

void Progress::draw() {
  const int columns = columns_ > 0 ? columns_ : terminal_columns();
  const double fraction = last_.max_steps > 0 ? static_cast<double>(last_.step) / last_.max_steps : 1.0;
  const auto counter = fmt::format("{}/{}", last_.step, last_.max_steps);
  auto right = figures(last_);
  // What does not fit is left out from the right, so that the line never wraps.
  int room = columns - 1 - static_cast<int>(counter.size()) - 2;
  if (static_cast<int>(right.size()) > room) right.resize(static_cast<std::size_t>(std::max(room, 0)));
  room -= static_cast<int>(right.size()) + 2;
  out_ << "\r\x1b[2K" << counter << "  ";
  if (room >= 6) out_ << bar(fraction, std::min(room, kWidestBar)) << "  ";
  out_ << right << std::flush;
  drawn_ = true;
  drawn_at_ = Clock::now();
}

void Progress::erase() {
  if (terminal_ && drawn_) out_ << "\r\x1b[2K";
  drawn_ = false;
}

std::string with_unit(double value) {
  const char* unit = "";
  for (const char* next : {"k", "M", "G", "T"}) {
    if (std::abs(value) < 999.5) break;
    value /= 1000, unit = next;
  }
  const int decimals = *unit == '\0' || std::abs(value) >= 99.95 ? 0 : std::abs(value) >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}", value, decimals, unit);
}

std::string as_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto total = static_cast<long long>(std::min(seconds, 1e12) + 0.5);
  const auto h = total / 3600, m = total / 60 % 60, s = total % 60;
  return h > 0 ? fmt::format("{}:{:02}:{:02}", h, m, s) : fmt::format("{}:{:02}", m, s);
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
