#include "tests/support/plain_test.h"

#include <stdexcept>

#include "tests/support/fuzz.h"

namespace langzoo::test {

TEST_CASE("a fuzzer that accepts something passes, one that refuses everything fails") {
  const char* const arguments[] = {"fuzz", "--runs", "20"};
  auto** const argv = const_cast<char**>(arguments);
  CHECK(fuzz_main(3, argv, {"seed"}, [](const std::string& bytes) {
          if (bytes != "seed") throw std::runtime_error("not a seed");
        }) == 0);
  CHECK(fuzz_main(3, argv, {"seed"}, [](const std::string&) { throw std::runtime_error("refused"); }) == 1);
}

TEST_CASE("fuzzers are found by name") {
  const char* const arguments[] = {"fuzz", "no_such_fuzzer"};
  CHECK(run_fuzzer(2, const_cast<char**>(arguments)) == 2);
}

}  // namespace langzoo::test
