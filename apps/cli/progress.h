/// The progress of a training run: a status line, with evaluations as lines above it.
#pragma once

#include <ostream>
#include <string>

#include "apps/cli/base/status_line.h"
#include "apps/training/trainer.h"

namespace langzoo {

class Progress : public TrainerObserver {
 public:
  /// As StatusLine.
  Progress(std::ostream& out, bool terminal, int columns = 0);

  void on_step(const StepReport& report) override;
  void on_eval(const EvalReport& report) override;
  void on_checkpoint(std::int64_t step, const std::filesystem::path& dir) override;
  void on_message(const std::string& text) override;
  /// Leaves the bar as it is and begins a new line.
  void finish() { status_.finish(); }
  /// A line that stays, above the bar.
  void line(const std::string& text) { status_.line(text); }

 private:
  StatusLine status_;
};

/// "valid loss 1.8857   perplexity 6.59": the metrics of an evaluation by their labels, the loss first.
std::string in_words(const EvalMetrics& metrics);

}  // namespace langzoo
