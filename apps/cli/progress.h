/// The progress of a training run on a terminal: one bar, redrawn, with evaluations as lines above it; elsewhere plain
/// lines, a few a minute. Draws when the trainer reports and never in between.
#pragma once

#include <chrono>
#include <ostream>
#include <string>

#include "apps/training/trainer.h"

namespace langzoo {

class Progress : public TrainerObserver {
 public:
  /// `terminal`: whether `out` understands \r and escape codes. `columns` 0 asks the terminal on every redraw.
  Progress(std::ostream& out, bool terminal, int columns = 0);
  ~Progress() override;
  /// On stderr, as a terminal where it is one and TERM is not "dumb".
  static bool stderr_is_terminal();

  void on_step(const StepReport& report) override;
  void on_eval(const EvalReport& report) override;
  void on_checkpoint(std::int64_t step, const std::filesystem::path& dir) override;
  void on_message(const std::string& text) override;
  /// Leaves the bar as it is and begins a new line.
  void finish();
  /// A line that stays, above the bar.
  void line(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;

  void draw();
  void erase();

  std::ostream& out_;
  bool terminal_;
  int columns_;
  StepReport last_;
  bool drawn_ = false;
  Clock::time_point drawn_at_{}, printed_at_{};
};

/// "21.4k", "1.3M": three figures and a unit.
std::string with_unit(double value);
/// "0:07", "12:30", "3:04:05".
std::string as_duration(double seconds);
/// "valid loss 1.8857   perplexity 6.59": the metrics of an evaluation, the loss first.
std::string in_words(const EvalMetrics& metrics);

}  // namespace langzoo
