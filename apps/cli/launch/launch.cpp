#include "apps/cli/launch/launch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/files/cpus.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

/// How long ranks may take to find out themselves that one of them is gone, and to save when they are asked to end.
constexpr auto kToFindOut = std::chrono::seconds(15), kToEnd = std::chrono::seconds(6);
/// What a shell returns for a command that is not there.
constexpr int kNotFound = 127;
constexpr int kUsage = 2;

void say(const std::string& text) {
  std::cerr << "langzoo-launch: " + text + "\n" << std::flush;
}

/// A port that nobody listens on.
std::int64_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t size = sizeof(address);
  const bool found = fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (fd >= 0) close(fd);
  if (!found) throw std::runtime_error(fmt::format("there is no free port: {}", std::strerror(errno)));
  return ntohs(address.sin_port);
}

/// `program` as it is to be run: found by PATH, or else beside this one.
std::string find_program(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const char* const path = std::getenv("PATH");
  const std::string folders = path == nullptr ? "" : path;
  for (std::size_t begin = 0; begin <= folders.size();) {
    const auto end = std::min(folders.find(':', begin), folders.size());
    const auto found = folders.substr(begin, end - begin) + "/" + program;
    if (access(found.c_str(), X_OK) == 0) return found;
    begin = end + 1;
  }
  std::error_code error;
  const auto beside = fs::read_symlink("/proc/self/exe", error).parent_path() / program;
  return access(beside.c_str(), X_OK) == 0 ? beside.string() : program;
}

struct RankProcess {
  std::int64_t rank = 0;
  pid_t pid = -1;
  bool runs = true;
};

class Launch {
 public:
  explicit Launch(const LaunchOptions& options) : options_(options) {
    sigemptyset(&signals_);
    for (const int number : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, number);
    sigprocmask(SIG_BLOCK, &signals_, &before_);
  }
  ~Launch() {
    for (const auto& rank : ranks_)
      if (rank.runs) kill(rank.pid, SIGKILL);
    for (const auto& rank : ranks_)
      if (rank.runs) waitpid(rank.pid, nullptr, 0);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  int run() {
    auto command = options_.command;
    for (std::int64_t attempt = 0;; ++attempt) {
      const int code = run_once(command, attempt);
      const bool hopeless = code == kUsage || code == kNotFound || signalled_;
      if (code == 0 || hopeless || attempt == options_.max_restarts) return code;
      say(fmt::format("restart {} of {}, from the last checkpoint", attempt + 1, options_.max_restarts));
      command = resuming(options_.command);
      // What is left of the others' ranks would be in the way.
      if (options_.nodes > 1) std::this_thread::sleep_for(kToFindOut);
    }
  }

 private:
  int run_once(const std::vector<std::string>& command, std::int64_t attempt) {
    const auto port = options_.master_port ? *options_.master_port : free_port();
    ranks_.clear();
    for (std::int64_t local = 0; local < options_.processes; ++local) {
      ranks_.push_back({options_.node_rank * options_.processes + local});
      if (const int error = start(ranks_.back(), command, local, port, attempt); error != 0) {
        say(fmt::format("{}: {}", command.front(), std::strerror(error)));
        ranks_.pop_back();
        return kNotFound;
      }
    }
    return wait();
  }

  /// 0, or what was wrong.
  int start(RankProcess& rank, const std::vector<std::string>& command, std::int64_t local, std::int64_t port,
            std::int64_t attempt) {
    std::vector<std::pair<std::string, std::string>> environment = {
        {"RANK", std::to_string(rank.rank)},
        {"LOCAL_RANK", std::to_string(local)},
        {"WORLD_SIZE", std::to_string(options_.processes * options_.nodes)},
        {"LOCAL_WORLD_SIZE", std::to_string(options_.processes)},
        {"MASTER_ADDR", options_.master_address},
        {"MASTER_PORT", std::to_string(port)},
        {"LANGZOO_TIMEOUT", fmt::format("{}", options_.timeout)},
        {"TORCHELASTIC_RESTART_COUNT", std::to_string(attempt)}};
    if (std::getenv("OMP_NUM_THREADS") == nullptr) {
      const auto threads = static_cast<std::int64_t>(available_cpus()) / options_.processes;
      environment.emplace_back("OMP_NUM_THREADS", std::to_string(std::max<std::int64_t>(1, threads)));
    }
    const auto program = find_program(command.front());
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    int failed[2];
    if (pipe2(failed, O_CLOEXEC) != 0) return errno;
    std::cout.flush();
    const pid_t parent = getpid();
    rank.pid = fork();
    if (rank.pid == 0) {
      // A group of its own: Ctrl-C comes here once, from the launcher.
      setpgid(0, 0);
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (getppid() != parent) _exit(1);
      sigprocmask(SIG_SETMASK, &before_, nullptr);
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      unsetenv("TORCHELASTIC_USE_AGENT_STORE");
      if (rank.rank != 0) {
        const int nothing = open("/dev/null", O_RDONLY);
        if (nothing >= 0) dup2(nothing, STDIN_FILENO);
      }
      execv(program.c_str(), arguments.data());
      const int error = errno;
      [[maybe_unused]] const auto written = write(failed[1], &error, sizeof(error));
      _exit(kNotFound);
    }
    close(failed[1]);
    int error = rank.pid < 0 ? errno : 0;
    if (rank.pid > 0 && read(failed[0], &error, sizeof(error)) == sizeof(error)) waitpid(rank.pid, nullptr, 0);
    close(failed[0]);
    return error;
  }

  void signal_all(int number) {
    for (const auto& rank : ranks_)
      if (rank.runs) kill(rank.pid, number);
  }
  bool any_runs() const {
    return std::any_of(ranks_.begin(), ranks_.end(), [](const RankProcess& rank) { return rank.runs; });
  }

  int wait() {
    int code = 0;
    std::optional<Clock::time_point> failed, told;
    while (any_runs()) {
      timespec most{.tv_sec = 0, .tv_nsec = 200'000'000};
      const int number = sigtimedwait(&signals_, nullptr, &most);
      if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
        signalled_ = true;
        signal_all(number);
      }
      for (auto& rank : ranks_) {
        int status = 0;
        if (!rank.runs || waitpid(rank.pid, &status, WNOHANG) != rank.pid) continue;
        rank.runs = false;
        const int ended_with = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (ended_with == 0 || code != 0) continue;
        code = ended_with;
        failed = Clock::now();
        const auto why = WIFSIGNALED(status)
                             ? fmt::format("was ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)))
                             : fmt::format("failed with exit code {}", code);
        say(fmt::format("rank {} {}{}", rank.rank, why, any_runs() ? "; the others end as well" : ""));
      }
      if (failed && !told && Clock::now() - *failed > kToFindOut) {
        told = Clock::now();
        signal_all(SIGTERM);
        signal_all(SIGCONT);
      }
      if (told && Clock::now() - *told > kToEnd) signal_all(SIGKILL);
    }
    return code;
  }

  const LaunchOptions& options_;
  sigset_t signals_, before_;
  std::vector<RankProcess> ranks_;
  bool signalled_ = false;
};

}  // namespace

std::vector<std::string> resuming(std::vector<std::string> command) {
  std::erase(command, "--overwrite");
  if (std::find(command.begin(), command.end(), "--resume") == command.end()) command.emplace_back("--resume");
  return command;
}

int launch(const LaunchOptions& options) {
  return Launch(options).run();
}

}  // namespace langzoo
