#include "tests/support/test.h"

#include <sstream>

#include "apps/cli/progress.h"

using namespace langzoo;

namespace {

StepReport half_way() {
  StepReport report;
  report.step = 50, report.max_steps = 100, report.loss = 1.5, report.learning_rate = 1e-3;
  report.tokens_per_second = 21400, report.seconds_left = 75;
  return report;
}

/// What a line takes on the screen: escape codes take nothing, a UTF-8 sequence one cell.
std::size_t cells(const std::string& line) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      while (!std::isalpha(static_cast<unsigned char>(line[i]))) ++i;
    } else if (line[i] != '\n' && (static_cast<unsigned char>(line[i]) & 0xc0) != 0x80) {
      ++n;
    }
  }
  return n;
}

}  // namespace

TEST_CASE("elsewhere than on a terminal progress is plain lines") {
  std::ostringstream out;
  Progress progress(out, false);
  progress.on_step(half_way());
  progress.on_step(half_way());  // within five seconds of the last line
  progress.on_eval({50, {{"loss", {1.25}}, {"bits_per_byte", {1.5}}}, true});
  auto last = half_way();
  last.step = 100;
  progress.on_step(last);
  CHECK(out.str() ==
        "step 50/100  loss 1.5000  lr 1.0e-03  21.4k tokens/s  1:15 left\n"
        "step 50  valid loss 1.2500   bits per byte 1.5   best so far\n"
        "step 100/100  loss 1.5000  lr 1.0e-03  21.4k tokens/s\n");
}

TEST_CASE("on a terminal one line is redrawn and never wraps") {
  for (const int columns : {20, 40, 80, 200}) {
    std::ostringstream out;
    {
      Progress progress(out, true, columns);
      progress.on_step(half_way());
    }
    const auto text = out.str();
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    std::istringstream redraws(text);
    for (std::string draw; std::getline(redraws, draw, '\r');) CHECK(cells(draw) < static_cast<std::size_t>(columns));
  }
}

TEST_CASE("progress says what the task calls its figures") {
  std::ostringstream out;
  Progress progress(out, false);
  auto report = half_way();
  report.unit = "words";
  report.losses = {{"mlm", 1.25}, {"nsp", 0.5}};
  progress.on_step(report);
  EvalMetrics metrics;
  metrics["loss"] = {1.25};
  metrics["source_loss"] = {.value = 0.5, .label = "entropy of the source"};
  progress.on_eval({50, metrics, false});
  CHECK(out.str() ==
        "step 50/100  loss 1.5000 (mlm 1.2500, nsp 0.5000)  lr 1.0e-03  21.4k words/s  1:15 left\n"
        "step 50  valid loss 1.2500   entropy of the source 0.5\n");
}
