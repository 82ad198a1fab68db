/// Starts the ranks of a training run, as torchrun does, without Python: `langzoo-launch --processes N -- COMMAND`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace langzoo {

struct LaunchOptions {
  std::int64_t processes = 1;  ///< on this machine
  std::int64_t nodes = 1, node_rank = 0;
  std::string master_address = "127.0.0.1";  ///< of node 0
  std::optional<std::int64_t> master_port;   ///< none: a free one, on one machine
  double timeout = 60;                       ///< seconds: LANGZOO_TIMEOUT of the ranks
  std::int64_t max_restarts = 0;
  std::vector<std::string> command;
};

/// The arguments of a run that is started again: with --resume in place of --overwrite.
std::vector<std::string> resuming(std::vector<std::string> command);

/// Starts the ranks, passes signals on to them, and waits for all. When one fails it says which and why, and ends the
/// others. Returns the program's exit code: that of the first rank that failed, 128 and the signal where one ended it.
int launch(const LaunchOptions& options);

/// The program's main().
int launch_program(int argc, char** argv);

}  // namespace langzoo
