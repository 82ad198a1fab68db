#include "data/files/memory.h"

#include <sys/resource.h>

#include "tests/support/plain_test.h"

namespace langzoo::test {

TEST_CASE("the memory of the process is more than it has touched and less than an address space") {
  rusage usage{};
  REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
  CHECK(total_memory() > static_cast<std::uint64_t>(usage.ru_maxrss) * 1024);
  CHECK(total_memory() < std::uint64_t{1} << 56);
}

}  // namespace langzoo::test
