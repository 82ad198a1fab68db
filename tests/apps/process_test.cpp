// The support of the tests that run programs: whatever they wait for, they do not wait for ever.
#include "tests/support/test.h"

#include <chrono>
#include <csignal>

#include "tests/support/process.h"

using namespace langzoo;
using test::Process;
using namespace std::chrono_literals;

TEST_CASE("a program that does not end in time is killed, and that is an error") {
  const auto begin = std::chrono::steady_clock::now();
  {
    Process process("/bin/sleep", {"100"});
    CHECK_THROWS_WITH(process.wait(1s), Catch::Contains("/bin/sleep: 1 seconds were not enough"));
  }
  CHECK(std::chrono::steady_clock::now() - begin < 60s);
}

TEST_CASE("whoever waits for what a program does sees that it ended") {
  Process process("/bin/sh", {"-c", "echo no luck >&2; exit 3"});
  CHECK_THROWS_WITH(process.wait_until([] { return false; }),
                    Catch::Contains("has ended") && Catch::Contains("no luck"));
  CHECK_THROWS_WITH(process.signal(SIGTERM), Catch::Contains("has ended"));
  CHECK(process.wait().code == 3);
  CHECK(process.wait().code == 3);
}

TEST_CASE("what holds when a program has ended was not waited for in vain") {
  Process process("/bin/sh", {"-c", "echo done >&2"});
  process.wait_until([&] { return process.err() == "done\n"; });
  CHECK(process.wait().code == 0);
}
