#include "tests/support/test.h"

#include <sched.h>

#include <ATen/Parallel.h>

#include "apps/cli/compute_verb.h"

using namespace langzoo;

namespace {

class ThreadsVerb : public ComputeVerb {
 public:
  explicit ThreadsVerb(int& threads) : threads_(threads) {}
  std::string name() const override { return "threads"; }
  std::string summary() const override { return "how many LibTorch has"; }
  std::string examples() const override { return "threads\n"; }

 protected:
  void add_own_options(Options&) override {}
  void compute(const ComputeOptions&) override { threads_ = at::get_num_threads(); }

 private:
  int& threads_;
};

int threads_with(std::vector<std::string> arguments) {
  int threads = 0;
  Verbs verbs;
  verbs.push_back(std::make_unique<ThreadsVerb>(threads));
  arguments.insert(arguments.begin(), {"program", "threads"});
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  CHECK(run_program(static_cast<int>(argv.size()), argv.data(), "program", "a test", verbs) == 0);
  return threads;
}

/// Puts LibTorch's threads, the environment and the CPUs of the process back as they were.
struct Restored {
  Restored() {
    sched_getaffinity(0, sizeof cpus, &cpus);
    if (const char* text = std::getenv("OMP_NUM_THREADS")) openmp = text;
    unsetenv("OMP_NUM_THREADS");
  }
  ~Restored() {
    sched_setaffinity(0, sizeof cpus, &cpus);
    if (openmp) setenv("OMP_NUM_THREADS", openmp->c_str(), 1);
    at::set_num_threads(threads);
  }
  int threads = at::get_num_threads();
  std::optional<std::string> openmp;
  cpu_set_t cpus;
};

}  // namespace

TEST_CASE("verbs compute with --threads threads") {
  const Restored restored;
  CHECK(threads_with({"--threads", "3"}) == 3);
}

TEST_CASE("without --threads there are no more of them than CPUs for the process") {
  const Restored restored;
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &restored.cpus)) CPU_SET(cpu, &one);
  }
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  at::set_num_threads(2);
  CHECK(threads_with({}) == 1);
  CHECK(threads_of(CommonOptions{}) == 1);

  at::set_num_threads(2);
  CHECK(threads_with({"--threads", "4"}) == 4);
  at::set_num_threads(2);
  setenv("OMP_NUM_THREADS", "2", 1);  // the user's own wish
  CHECK(threads_with({}) == 2);
  unsetenv("OMP_NUM_THREADS");
}
