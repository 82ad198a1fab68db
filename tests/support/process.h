/// Programs run as a user runs them.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>
#include <nlohmann/json.hpp>

#include "tests/support/plain_test.h"

namespace langzoo::test {

struct Result {
  int code = -1;  ///< 128 + the signal where one ended the program
  std::string out, err;

  /// The JSON objects of stdout, one a line.
  std::vector<nlohmann::ordered_json> objects() const;
  /// The only one.
  nlohmann::ordered_json object() const;
};

/// A started program of this build, `input` on its stdin. Whoever waits for it does so up to a deadline, and no longer
/// than it lives.
class Process {
 public:
  enum class Stdin { kFile, kTerminal };
  /// Less than what CTest gives a test, so that a program that hangs is seen by name.
  static constexpr std::chrono::seconds kDeadline{300};

  /// `program` stands in the build's folder, or is an absolute path. `closed`: without standard streams. kTerminal:
  /// `input` was typed, and Ctrl-D.
  Process(const std::string& program, std::vector<std::string> arguments, const std::string& input = {},
          bool closed = false, Stdin stdin_kind = Stdin::kFile);
  /// Kills it if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Throws where it has ended.
  void signal(int number);
  pid_t pid() const { return pid_; }
  /// What is on stderr so far.
  std::string err() const;
  /// Its end. Throws std::runtime_error with what is on stderr when it does not come in time.
  Result wait(std::chrono::seconds deadline = kDeadline);
  /// Until `condition` holds. Throws std::runtime_error with what is on stderr when the program ends before that, or
  /// time is up.
  void wait_until(const std::function<bool()>& condition, std::chrono::seconds deadline = kDeadline);

 private:
  bool ended();
  [[noreturn]] void fail(const std::string& what) const;

  TempDir dir_;
  std::string program_;
  pid_t pid_ = -1;
  int terminal_ = -1;          ///< the side of whoever types
  std::optional<int> status_;  ///< waitpid's, once it has ended
};

/// Checks that a run failed as every program promises: the code, at most three lines on stderr that say `names`,
/// nothing on stdout.
void check_error(const Result& result, int code, const std::string& names);
/// A success with a warning that `flag` has no effect.
void check_idle(const Result& result, const std::string& flag);

}  // namespace langzoo::test
