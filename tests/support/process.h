/// Programs run as a user runs them.
#pragma once

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

/// A started program of this build, `input` on its stdin.
class Process {
 public:
  /// `closed`: without standard streams.
  Process(const std::string& program, std::vector<std::string> arguments, const std::string& input = {},
          bool closed = false);
  /// Kills it if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  /// What is on stderr so far.
  std::string err() const;
  Result wait();

 private:
  TempDir dir_;
  pid_t pid_ = -1;
};

/// Checks that a run failed as every program promises: the code, at most three lines on stderr that say `names`,
/// nothing on stdout.
void check_error(const Result& result, int code, const std::string& names);

}  // namespace langzoo::test
