#include "data/files/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include <unistd.h>

namespace langzoo {

std::uint64_t total_memory() {
  const auto pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
  auto bytes = pages > 0 && page_size > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_size)
                                          : std::numeric_limits<std::uint64_t>::max();
  // The limits of control groups, version 2 and 1, as a container sees its own; "max" is none.
  for (const auto* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(path);
    std::uint64_t limit = 0;
    if (file >> limit && limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

}  // namespace langzoo
