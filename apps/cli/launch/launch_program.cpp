#include <algorithm>

#include "apps/cli/base/program.h"
#include "apps/cli/launch/launch.h"

namespace langzoo {

namespace {

class LaunchCommand : public Command {
 public:
  explicit LaunchCommand(std::vector<std::string> command) { launch_.command = std::move(command); }

  std::string examples() const override {
    return "--processes 2 -- langzoo-gpt train --preset microworld --data microworld --out run\n"
           "--processes 4 --nodes 2 --node-rank 0 --master-address 10.0.0.1 --master-port 29500 -- langzoo-gpt train "
           "--preset microworld --data microworld --out run\n"
           "--processes 2 --max-restarts 3 -- langzoo-transformer train --preset tiny --data dates --out run";
  }
  std::string notes() const override {
    return "The ranks of all nodes train one model: each is told its place by RANK, WORLD_SIZE, LOCAL_RANK, "
           "MASTER_ADDR\n"
           "and MASTER_PORT, as by torchrun, which may start them as well. train.batch_size is that of one rank.\n"
           "Signals are passed on: Ctrl-C saves and ends with code 0. When a rank fails, stderr says which and why,\n"
           "the others end, and the exit code is the rank's, or 128 and the signal that ended it.\n";
  }
  void add_options(Options& options) override {
    options.add("--processes", launch_.processes, "ranks on this machine").required().range(1, 4096);
    options.add("--nodes", launch_.nodes, "machines").range(1, 65536);
    options.add("--node-rank", launch_.node_rank, "which of them this is, from 0").needs("--nodes");
    options.add("--master-address", launch_.master_address, "where node 0 is reached").needs("--nodes");
    options.add("--master-port", launch_.master_port, "where rank 0 listens; on one machine by default a free one")
        .range(1, 65535);
    options.add("--timeout", launch_.timeout, "seconds for the ranks to find each other, and for one that hangs")
        .between(1, 1e6);
    options.add("--max-restarts", launch_.max_restarts, "how often a failed run goes on from its last checkpoint")
        .range(0, 1'000'000);
  }
  int run() override {
    const auto& o = launch_;
    if (o.command.empty()) throw UsageError("a command is missing behind --: what each rank runs");
    if (o.node_rank >= o.nodes)
      throw UsageError("--node-rank " + std::to_string(o.node_rank) + ": there are " + std::to_string(o.nodes) +
                       " nodes, counted from 0");
    if (o.nodes > 1 && !o.master_port)
      throw UsageError("--master-port is missing: several nodes have to be told the same");
    if (o.nodes > 1 && (o.master_address == "127.0.0.1" || o.master_address == "localhost"))
      throw UsageError("--master-address " + o.master_address + ": other nodes cannot reach node 0 there");
    return launch(o);
  }

 private:
  LaunchOptions launch_;
};

}  // namespace

int launch_program(int argc, char** argv) {
  char** const end = argv + argc;
  char** const split = std::find_if(argv, end, [](const char* text) { return std::string(text) == "--"; });
  LaunchCommand command({split == end ? end : split + 1, end});
  return run_command(static_cast<int>(split - argv), argv, "langzoo-launch",
                     "Starts the processes that train one model together: langzoo-launch OPTIONS -- COMMAND.", command);
}

}  // namespace langzoo
