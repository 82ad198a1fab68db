#include "tests/support/process.h"

#include <algorithm>
#include <csignal>
#include <sstream>

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

Process::Process(const std::string& program, std::vector<std::string> arguments, const std::string& input,
                 bool closed) {
  write_file(dir_ / "in", input);
  for (const auto* name : {"out", "err"}) write_file(dir_ / name, "");  // there to be read from the beginning
  arguments.insert(arguments.begin(), std::string(LANGZOO_BIN_DIR) + "/" + program);
  std::vector<char*> argv;
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    const auto redirect = [&](const char* name, int fd, int flags) {
      dup2(open((dir_ / name).c_str(), flags, 0600), fd);
    };
    redirect("in", 0, O_RDONLY);
    redirect("out", 1, O_WRONLY | O_CREAT);
    redirect("err", 2, O_WRONLY | O_CREAT);
    for (int fd = 0; closed && fd < 20; ++fd) close(fd);
    execv(argv[0], argv.data());
    _exit(127);
  }
}

Process::~Process() {
  if (pid_ > 0) kill(pid_, SIGKILL), wait();
}

void Process::signal(int number) const {
  kill(pid_, number);
}

std::string Process::err() const {
  return read_file(dir_ / "err");
}

Result Process::wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(dir_ / "out"),
          read_file(dir_ / "err")};
}

void check_error(const Result& result, int code, const std::string& names) {
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') <= 3);
  CHECK_THAT(result.err, Catch::Contains(names));
}

}  // namespace langzoo::test
