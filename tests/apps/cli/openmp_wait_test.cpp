#include "tests/support/test.h"

#include <cstring>
#include <sstream>

#include <unistd.h>

#include "apps/cli/openmp_wait.h"
#include "tests/support/process.h"

using namespace langzoo;
using namespace langzoo::test;

namespace {

/// What libgomp tells of its settings when a program loads it: the spin count.
std::string spin_count_of(const std::string& program) {
  const auto result = Process(program, {"--version"}).wait();
  CHECK(result.code == 0);
  const std::string key = "GOMP_SPINCOUNT = '";
  const auto begin = result.err.find(key);
  INFO(result.err);
  REQUIRE(begin != std::string::npos);
  const auto value = result.err.substr(begin + key.size());
  return value.substr(0, value.find('\''));
}

/// Sets variables for a scope; nullptr: unsets them.
struct Environment {
  explicit Environment(const std::vector<std::pair<std::string, const char*>>& variables) {
    for (const auto& [name, value] : variables) {
      const char* old = std::getenv(name.c_str());
      before.emplace_back(name, old != nullptr ? std::optional<std::string>(old) : std::nullopt);
      set(name, value);
    }
  }
  ~Environment() {
    for (const auto& [name, value] : before) set(name, value ? value->c_str() : nullptr);
  }
  static void set(const std::string& name, const char* value) {
    value != nullptr ? setenv(name.c_str(), value, 1) : unsetenv(name.c_str());
  }
  std::vector<std::pair<std::string, std::optional<std::string>>> before;
};

const std::string kOurs = std::strchr(kSpinSetting, '=') + 1;

}  // namespace

TEST_CASE("threads of programs that use LibTorch spin shortly") {
  const Environment plain({{"OMP_DISPLAY_ENV", "VERBOSE"}, {"GOMP_SPINCOUNT", nullptr}, {"OMP_WAIT_POLICY", nullptr}});
  for (const std::string program : {"langzoo-gpt", "langzoo-word2vec", "langzoo-seq2seq", "langzoo-noisy-channel"}) {
    INFO(program);
    CHECK(spin_count_of(program) == kOurs);
  }
}

TEST_CASE("what the user says of waiting threads stays") {
  {
    const Environment own({{"OMP_DISPLAY_ENV", "VERBOSE"}, {"GOMP_SPINCOUNT", "77"}, {"OMP_WAIT_POLICY", nullptr}});
    CHECK(spin_count_of("langzoo-gpt") == "77");
  }
  {
    const Environment own(
        {{"OMP_DISPLAY_ENV", "VERBOSE"}, {"GOMP_SPINCOUNT", nullptr}, {"OMP_WAIT_POLICY", "passive"}});
    CHECK(spin_count_of("langzoo-gpt") == "0");
  }
}

TEST_CASE("the environment is as it was when a program begins") {
  // This program has the setting as well; what the kernel gave it stands in /proc.
  std::istringstream given(test::read_file("/proc/self/environ"));
  std::vector<std::string> entries;
  for (std::string entry; std::getline(given, entry, '\0');) entries.push_back(entry);
  std::vector<std::string> seen;
  for (char** entry = environ; *entry != nullptr; ++entry) seen.emplace_back(*entry);
  REQUIRE_FALSE(entries.empty());
  for (const auto& entry : entries) {
    INFO(entry);
    CHECK(std::count(seen.begin(), seen.end(), entry) == 1);
  }
  CHECK(std::count(seen.begin(), seen.end(), kSpinSetting) == std::count(entries.begin(), entries.end(), kSpinSetting));
}
