#include "apps/cli/base/status_line.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

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

}  // namespace

bool stderr_is_terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && (term == nullptr || std::strcmp(term, "dumb") != 0);
}

StatusLine::StatusLine(std::ostream& out, bool terminal, int columns)
    : out_(out), terminal_(terminal), columns_(columns) {}

StatusLine::~StatusLine() {
  finish();
}

void StatusLine::finish() {
  if (terminal_ && drawn_) {
    draw();
    out_ << '\n' << std::flush;
  }
  drawn_ = false;
}

void StatusLine::update(Status status) {
  status_ = std::move(status);
  const auto now = Clock::now();
  if (terminal_) {
    if (!drawn_ || status_->last || now - drawn_at_ >= kRedrawEvery) draw();
  } else if (printed_at_ == Clock::time_point{} || status_->last || now - printed_at_ >= kLineEvery) {
    printed_at_ = now;
    out_ << fmt::format("{} {}  {}\n", status_->label, status_->counter, status_->figures) << std::flush;
  }
}

void StatusLine::line(const std::string& text) {
  if (terminal_ && drawn_) out_ << "\r\x1b[2K";
  drawn_ = false;
  out_ << text << '\n' << std::flush;
  if (terminal_ && status_ && !status_->last) draw();
}

void StatusLine::draw() {
  const int columns = columns_ > 0 ? columns_ : terminal_columns();
  auto right = status_->figures;
  // What does not fit is left out from the right, so that the line never wraps.
  int room = columns - 1 - static_cast<int>(status_->counter.size()) - 2;
  if (static_cast<int>(right.size()) > room) right.resize(static_cast<std::size_t>(std::max(room, 0)));
  room -= static_cast<int>(right.size()) + 2;
  out_ << "\r\x1b[2K" << status_->counter << "  ";
  if (room >= 6) out_ << bar(status_->fraction, std::min(room, kWidestBar)) << "  ";
  out_ << right << std::flush;
  drawn_ = true;
  drawn_at_ = Clock::now();
}

}  // namespace langzoo
