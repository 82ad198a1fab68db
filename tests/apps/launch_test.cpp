#include "tests/support/test.h"

#include <csignal>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include "apps/training/training_state.h"
#include "tests/apps/training/distributed/ranks.h"
#include "tests/support/process.h"

namespace langzoo::test::launch_test {

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// A run of steps that are quick, but long enough to be disturbed.
Words train(const TempDir& dir, const std::string& out, const Words& more = {}) {
  if (!fs::exists(dir / "text.txt")) {
    std::string text;
    for (int i = 0; i < 400; ++i) text += "Anna has " + std::to_string(i * i % 97) + " apples.\n";
    write_file(dir / "text.txt", text);
  }
  Words words = {"langzoo-gpt",
                 "train",
                 "--data",
                 (dir / "text.txt").string(),
                 "--tokenizer",
                 "char",
                 "--out",
                 (dir / out).string(),
                 "--set",
                 "model.n_layer=1",
                 "model.n_head=2",
                 "model.n_embd=16",
                 "model.n_positions=16",
                 "train.batch_size=4",
                 "train.eval_every=0",
                 "train.log_every=5",
                 "train.save_every=20"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Words launched(const Words& options, const Words& command) {
  auto words = options;
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

/// One of the ranks that `launcher` has started.
pid_t rank_of(pid_t launcher, const std::string& rank) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stat(entry.path() / "stat");
    const std::string line((std::istreambuf_iterator<char>(stat)), {});
    std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
    std::string state;
    pid_t parent = 0;
    if (!(fields >> state >> parent) || parent != launcher) continue;
    std::ifstream environment(entry.path() / "environ");
    const std::string variables((std::istreambuf_iterator<char>(environment)), {});
    if (variables.find(std::string("\0RANK=", 6) + rank + '\0') != std::string::npos)
      return static_cast<pid_t>(std::stol(name));
  }
  return -1;
}

/// Two machines: network namespaces with a cable between them where they can be made (root, iproute2), else this one
/// twice.
class Hosts {
 public:
  Hosts() {
    apart_ = geteuid() == 0 && run("ip netns add " + space(0)) && run("ip netns add " + space(1)) &&
             run("ip link add lz0 netns " + space(0) + " type veth peer name lz1 netns " + space(1));
    for (int i = 0; apart_ && i < 2; ++i) {
      const auto n = std::to_string(i), in = "ip -n " + space(i);
      apart_ = run(in + " addr add 10.199.8." + std::to_string(i + 1) + "/24 dev lz" + n) &&
               run(in + " link set lz" + n + " up") && run(in + " link set lo up");
    }
  }
  ~Hosts() {
    for (int i = 0; i < 2; ++i) run("ip netns del " + space(i));
  }
  std::string address() const { return apart_ ? "10.199.8.1" : "127.0.0.1"; }
  /// langzoo-launch with `words` on one of them.
  Words on(int host, const Words& words) const {
    Words all = {"-c", apart_ ? "exec ip netns exec " + space(host) + " \"$@\"" : "exec \"$@\"", "sh",
                 (fs::path(LANGZOO_BIN_DIR) / "langzoo-launch").string()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

 private:
  static bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }
  static std::string space(int host) { return "langzoo-" + std::to_string(getpid()) + "-" + std::to_string(host); }
  bool apart_;
};

std::int64_t saved_step(const fs::path& out) {
  try {
    const auto state = load_training_state(out);
    return state ? state->progress.step : 0;
  } catch (const std::exception&) {
    return 0;
  }
}

}  // namespace

TEST_CASE("a rank that is killed ends the others; started again the run ends in the bytes of an undisturbed one") {
  const TempDir dir;
  const Words steps = {"train.max_steps=120"};
  const auto straight = Process("langzoo-launch", launched({"--processes", "2"}, train(dir, "straight", steps))).wait();
  REQUIRE(straight.code == 0);
  CHECK_THAT(straight.out, Catch::StartsWith("step 120 "));
  CHECK(std::count(straight.out.begin(), straight.out.end(), '\n') == 1);
  const auto lines = read_file(dir / "straight" / "metrics.jsonl");
  CHECK_THAT(lines, Catch::Contains("\"tokens\":640,"));  // of 5 steps of 2 ranks of 4 sequences of 16

  const auto kill_rank = [&](Process& process, const std::string& out) {
    process.wait_until([&] { return saved_step(dir / out) >= 20; });
    const auto rank = rank_of(process.pid(), "1");
    REQUIRE(rank > 0);
    kill(rank, SIGKILL);
  };
  Process again("langzoo-launch", launched({"--processes", "2", "--max-restarts", "1"}, train(dir, "again", steps)));
  kill_rank(again, "again");
  const auto result = again.wait(std::chrono::seconds(60));
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("rank 1 was ended by signal 9 (Killed)"));
  CHECK_THAT(result.err, Catch::Contains("error: rank 0: rank 1 is gone"));
  CHECK_THAT(result.err, Catch::Contains("restart 1 of 1"));
  CHECK((read_file(dir / "again" / "model.safetensors") == read_file(dir / "straight" / "model.safetensors")));
  CHECK((read_file(dir / "again" / "training_state/state.safetensors") ==
         read_file(dir / "straight" / "training_state/state.safetensors")));
}

TEST_CASE("signals reach all ranks, which save and end well; other numbers of ranks go on with the run") {
  const TempDir dir;
  Process stopped("langzoo-launch", launched({"--processes", "2"}, train(dir, "run", {"train.max_steps=100000"})));
  stopped.wait_until([&] { return saved_step(dir / "run") >= 20; });
  stopped.signal(SIGINT);
  const auto result = stopped.wait(std::chrono::seconds(60));
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("stopped by SIGINT after step"));

  const auto steps = "train.max_steps=" + std::to_string(saved_step(dir / "run") + 5);
  const Words on = {"train", "--out", (dir / "run").string(), "--resume", "--set", steps};
  check_error(
      Process("langzoo-gpt", on).wait(), 2,
      "cannot resume: train.batch_size = 4 in one process, was 4 on each of 2 ranks: their product must stay 8");
  auto kept = on;
  kept.emplace_back("train.batch_size=8");
  CHECK(Process("langzoo-gpt", kept).wait().code == 0);
}

TEST_CASE("a rank on each of two machines learns the bytes of two ranks on one") {
  const TempDir dir;
  const Words steps = {"train.max_steps=8", "train.save_every=0", "--threads", "1"};
  REQUIRE(Process("langzoo-launch", launched({"--processes", "2"}, train(dir, "one", steps))).wait().code == 0);
  const Hosts hosts;
  const auto port = std::to_string(free_port());
  const auto node = [&](int host) {
    return hosts.on(host, launched({"--processes", "1", "--nodes", "2", "--node-rank", std::to_string(host),
                                    "--master-address", hosts.address(), "--master-port", port},
                                   train(dir, "two", steps)));
  };
  Process first("/bin/sh", node(0)), second("/bin/sh", node(1));
  const auto end = second.wait(std::chrono::seconds(60));
  INFO(end.err);
  CHECK(end.code == 0);
  CHECK(end.out.empty());
  CHECK(first.wait(std::chrono::seconds(60)).code == 0);
  CHECK((read_file(dir / "two" / "model.safetensors") == read_file(dir / "one" / "model.safetensors")));
}

TEST_CASE("what one rank has otherwise ends all before training") {
  const TempDir dir;
  const auto script = dir / "rank.sh";
  write_file(script, "#!/bin/sh\nif [ \"$RANK\" = 1 ]; then exec \"$@\" train.learning_rate=0.5; fi\nexec \"$@\"\n");
  fs::permissions(script, fs::perms::owner_all);
  auto command = train(dir, "run", {"train.max_steps=3"});
  command.front() = (fs::path(LANGZOO_BIN_DIR) / "langzoo-gpt").string();
  command.insert(command.begin(), script.string());
  const auto other = Process("langzoo-launch", launched({"--processes", "2"}, command)).wait();
  CHECK(other.code == 2);
  CHECK_THAT(other.err, Catch::Contains("error: rank 1: train.learning_rate = 0.5, but 0.001 on rank 0"));
  CHECK_FALSE(fs::exists(dir / "run"));
}

TEST_CASE("what langzoo-launch cannot do is an error that says so") {
  const auto fails = [](const Words& words, int code, const std::string& why) {
    const auto result = Process("langzoo-launch", words).wait();
    CHECK(result.code == code);
    CHECK_THAT(result.err, Catch::Contains(why));
  };
  fails({"--processes", "2"}, 2, "a command is missing behind --");
  fails({"--", "true"}, 2, "--processes is required");
  fails({"--processes", "2", "--nodes", "2", "--node-rank", "2", "--", "true"}, 2, "there are 2 nodes");
  fails({"--processes", "2", "--nodes", "2", "--", "true"}, 2, "--master-port is missing");
  fails({"--processes", "2", "--", "no-such-program"}, 127, "no-such-program: No such file or directory");
  fails({"--processes", "2", "--", "sh", "-c", "exit $((RANK * 7))"}, 7, "rank 1 failed with exit code 7");
  fails({"--processes", "1", "--", "sh", "-c", "kill -9 $$"}, 137, "rank 0 was ended by signal 9");
  const Words tests = {"--processes", "2",  "--",
                       "sh",          "-c", "[ $RANK = $LOCAL_RANK ] && [ $WORLD_SIZE = 2 ] && [ $MASTER_PORT -gt 0 ]"};
  CHECK(Process("langzoo-launch", tests).wait().code == 0);
}

}  // namespace langzoo::test::launch_test
