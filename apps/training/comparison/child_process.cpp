#include "apps/training/comparison/child_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

extern char** environ;

namespace langzoo {

namespace {

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

/// The read end of a pipe, closed with the object.
struct Listening {
  explicit Listening(int descriptor) : descriptor(descriptor) {}
  ~Listening() { close(descriptor); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  int descriptor;
};

}  // namespace

EndedProcess run_process(const std::vector<std::string>& command, const std::filesystem::path& log,
                         const std::function<void(std::string_view line)>& on_line, const std::atomic<bool>* stop) {
  const auto fail = [&](const char* what, int error) {
    throw std::runtime_error(fmt::format("{}: {}: {}", command.at(0), what, std::strerror(error)));
  };
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("no pipe", errno);
  const Listening listening(ends[0]);
  std::vector<char*> arguments;
  for (const auto& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
  arguments.push_back(nullptr);
  FileActions actions;
  posix_spawn_file_actions_adddup2(actions.get(), ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t child = 0;
  const int error = posix_spawn(&child, command.at(0).c_str(), actions.get(), nullptr, arguments.data(), environ);
  close(ends[1]);
  if (error != 0) fail("cannot be started", error);

  EndedProcess ended;
  std::string pending;
  std::array<char, 4096> bytes{};
  for (;;) {
    if (stop != nullptr && *stop && !ended.stopped) {
      ended.stopped = true;
      kill(child, SIGTERM);
    }
    // Signals may come between the look at `stop` and the wait.
    pollfd waiting{listening.descriptor, POLLIN, 0};
    constexpr int kMilliseconds = 500;
    if (poll(&waiting, 1, kMilliseconds) <= 0) continue;
    const auto count = read(listening.descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    pending.append(bytes.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', begin)) {
      on_line(std::string_view(pending).substr(begin, end - begin));
      begin = end + 1;
    }
    pending.erase(0, begin);
  }
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0) {
    if (errno != EINTR) fail("cannot be waited for", errno);
  }
  ended.peak_memory_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
  if (WIFSIGNALED(status)) {
    ended.signal = WTERMSIG(status);
  } else {
    ended.code = WEXITSTATUS(status);
  }
  return ended;
}

}  // namespace langzoo
