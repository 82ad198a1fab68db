#include "tests/support/plain_test.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "apps/cli/base/parallel_for_each.h"

using namespace langzoo;

TEST_CASE("every piece of work is done once") {
  for (const std::size_t threads : {0, 1, 2, 9}) {
    for (const std::size_t n : {0, 1, 5, 1000}) {
      std::vector<std::atomic<int>> done(n);
      parallel_for_each(n, threads, [&](std::size_t i) { ++done[i]; });
      for (const auto& count : done) CHECK(count == 1);
    }
  }
}

TEST_CASE("the failure of the least index is thrown on") {
  for (const std::size_t threads : {1, 2, 4}) {
    for (int round = 0; round < 50; ++round) {
      const auto fails = [](std::size_t i) {
        if (i >= 20) throw std::runtime_error(std::to_string(i));
      };
      CHECK_THROWS_WITH(parallel_for_each(100, threads, fails), "20");
    }
  }
}
