/// How far something has come: on a terminal one line with a bar, redrawn, below lines that stay; elsewhere plain
/// lines, a few a minute. Draws when told something and never in between.
#pragma once

#include <chrono>
#include <optional>
#include <ostream>
#include <string>

namespace langzoo {

/// Whether stderr understands \r and escape codes: it is a terminal, and TERM is not "dumb".
bool stderr_is_terminal();

struct Status {
  std::string label;    ///< "step": what is counted, named in plain lines
  std::string counter;  ///< "50/100"
  double fraction = 0;  ///< of the whole that is done
  std::string figures;
  bool last = false;  ///< drawn or printed in any case
};

class StatusLine {
 public:
  /// `terminal`: whether `out` understands \r and escape codes. `columns` 0 asks the terminal on every redraw.
  StatusLine(std::ostream& out, bool terminal, int columns = 0);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  void update(Status status);
  /// A line that stays, above the status.
  void line(const std::string& text);
  /// Leaves the status as it is and begins a new line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  void draw();

  std::ostream& out_;
  bool terminal_;
  int columns_;
  std::optional<Status> status_;
  bool drawn_ = false;
  Clock::time_point drawn_at_{}, printed_at_{};
};

}  // namespace langzoo
