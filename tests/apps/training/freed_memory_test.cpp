#include "apps/training/freed_memory.h"

#include <cstddef>
#include <cstdlib>

#include "tests/support/test.h"

// The sanitizers have an allocator of their own.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#include <malloc.h>

namespace langzoo::test {

namespace {

/// Blocks that go back to the system when they are freed, while one of 64 MiB is in use.
std::size_t mapped_blocks() {
  void* volatile block = std::malloc(std::size_t{64} << 20);
  REQUIRE(block != nullptr);
  const auto blocks = mallinfo2().hblks;
  std::free(block);
  return blocks;
}

}  // namespace

TEST_CASE("large blocks are kept while training lasts, and no longer") {
  const auto before = mapped_blocks();
  {
    const KeepLargeFreedMemory keep;
    CHECK(mapped_blocks() + 1 == before);
    const auto held = mallinfo2().fordblks;
    CHECK(held >= (std::size_t{64} << 20));
  }
  CHECK(mapped_blocks() == before);
}

}  // namespace langzoo::test

#endif
