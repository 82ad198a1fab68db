#include "tests/support/process.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace langzoo::test {

using Json = nlohmann::ordered_json;

std::vector<Json> Result::objects() const {
  std::vector<Json> all;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) all.push_back(Json::parse(line));
  return all;
}

Json Result::object() const {
  const auto all = objects();
  REQUIRE(all.size() == 1);
  return all[0];
}

namespace {

/// A terminal at which `input` and Ctrl-D were typed, and the path at which a program opens it.
std::pair<int, std::string> typed(const std::string& input) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(terminal >= 0);
  REQUIRE(grantpt(terminal) == 0);
  REQUIRE(unlockpt(terminal) == 0);
  const auto keys = input + '\x04';
  REQUIRE(write(terminal, keys.data(), keys.size()) == std::ssize(keys));
  return {terminal, ptsname(terminal)};
}

}  // namespace

Process::Process(const std::string& program, std::vector<std::string> arguments, const std::string& input, bool closed,
                 Stdin stdin_kind)
    : program_(std::filesystem::path(LANGZOO_BIN_DIR) / program) {
  auto in = (dir_ / "in").string();
  write_file(in, input);
  if (stdin_kind == Stdin::kTerminal) std::tie(terminal_, in) = typed(input);
  for (const auto* name : {"out", "err"}) write_file(dir_ / name, "");  // there to be read from the beginning
  arguments.insert(arguments.begin(), program_);
  std::vector<char*> argv;
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    const auto redirect = [&](const std::string& path, int fd, int flags) {
      dup2(open(path.c_str(), flags, 0600), fd);
    };
    redirect(in, 0, O_RDONLY | O_NOCTTY);
    redirect(dir_ / "out", 1, O_WRONLY | O_CREAT);
    redirect(dir_ / "err", 2, O_WRONLY | O_CREAT);
    for (int fd = 0; closed && fd < 20; ++fd) close(fd);
    for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) std::signal(number, SIG_DFL);  // as in a terminal
    execv(argv[0], argv.data());
    _exit(127);
  }
  if (pid_ < 0) fail("cannot be started");
}

Process::~Process() {
  if (terminal_ >= 0) close(terminal_);
  if (pid_ < 0 || ended()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
}

void Process::signal(int number) {
  if (ended()) fail("has ended, and cannot be sent a signal");
  kill(pid_, number);
}

std::string Process::err() const {
  return read_file(dir_ / "err");
}

Result Process::wait(std::chrono::seconds deadline) {
  wait_until([this] { return ended(); }, deadline);
  return {WIFEXITED(*status_) ? WEXITSTATUS(*status_) : 128 + WTERMSIG(*status_), read_file(dir_ / "out"),
          read_file(dir_ / "err")};
}

void Process::wait_until(const std::function<bool()>& condition, std::chrono::seconds deadline) {
  using std::chrono::milliseconds;
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (auto pause = milliseconds(1); !condition(); pause = std::min(2 * pause, milliseconds(4))) {
    if (ended() && !condition()) fail("has ended before what was waited for came");
    if (std::chrono::steady_clock::now() > end) fail(std::to_string(deadline.count()) + " seconds were not enough");
    std::this_thread::sleep_for(pause);
  }
}

bool Process::ended() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_.has_value();
}

void Process::fail(const std::string& what) const {
  throw std::runtime_error(program_ + ": " + what + "; stderr: " + err());
}

void check_error(const Result& result, int code, const std::string& names) {
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') <= 3);
  CHECK_THAT(result.err, Catch::Contains(names));
}

void check_idle(const Result& result, const std::string& flag) {
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK_FALSE(result.out.empty());
  CHECK_THAT(result.err, Catch::StartsWith("warning: " + flag + " has no effect with"));
}

}  // namespace langzoo::test
