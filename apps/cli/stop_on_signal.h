/// Signals that end a training after the step under way, with all saved.
#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <utility>

#include <unistd.h>

#include "apps/training/trainer.h"

namespace langzoo {

/// While one is alive, SIGINT, SIGTERM and SIGHUP stop the trainer after the step under way; a second SIGINT ends the
/// process. With `tells` that is said on stderr. Those that are ignored stay so: nohup ignores SIGHUP.
class StopOnSignal {
 public:
  explicit StopOnSignal(Trainer& trainer, bool tells = true) {
    trainer_ = &trainer;
    tells_ = tells;
    number_ = 0;
    for (auto& [number, before] : before_) {
      struct sigaction action {};
      action.sa_handler = stop;
      action.sa_flags = SA_RESTART;
      sigaction(number, nullptr, &before);
      if (before.sa_handler != SIG_IGN) sigaction(number, &action, nullptr);
    }
  }
  ~StopOnSignal() {
    for (const auto& [number, before] : before_) sigaction(number, &before, nullptr);
    trainer_ = nullptr;
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  /// The one that stopped the trainer; empty: none.
  static std::string name() {
    const int number = number_;
    if (number == 0) return {};
    return number == SIGINT ? "SIGINT" : number == SIGHUP ? "SIGHUP" : "SIGTERM";
  }

 private:
  static void stop(int number) {
    auto* trainer = trainer_.exchange(nullptr);
    if (trainer == nullptr && number == SIGINT) _exit(128 + SIGINT);
    if (trainer == nullptr) return;
    number_ = number;
    trainer->request_stop();
    if (!tells_) return;
    constexpr char kText[] = "\nsaving after this step; Ctrl-C again stops without saving\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, kText, sizeof(kText) - 1);
  }

  static inline std::atomic<Trainer*> trainer_{nullptr};
  static inline std::atomic<int> number_{0};
  static inline std::atomic<bool> tells_{true};
  std::array<std::pair<int, struct sigaction>, 3> before_ = {{{SIGINT, {}}, {SIGTERM, {}}, {SIGHUP, {}}}};
};

}  // namespace langzoo
