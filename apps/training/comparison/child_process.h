/// A program that is started, listened to and waited for.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

struct EndedProcess {
  int code = 0;    ///< its exit code
  int signal = 0;  ///< that ended it; 0: none
  std::int64_t peak_memory_bytes = 0;
  bool stopped = false;  ///< `stop` was set meanwhile, and it was sent SIGTERM
};

/// Runs `command`, whose first part is the program's path. `on_line` gets the lines of its stdout as they come; its
/// stderr goes to the file `log`. Where `stop` becomes true (a signal handler that interrupts system calls sets it) it
/// is sent SIGTERM, and waited for. Throws std::runtime_error where it cannot be started.
EndedProcess run_process(const std::vector<std::string>& command, const std::filesystem::path& log,
                         const std::function<void(std::string_view line)>& on_line,
                         const std::atomic<bool>* stop = nullptr);

}  // namespace langzoo
