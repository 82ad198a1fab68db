/// How much memory the process may have: in a container often less than the machine.
#pragma once

#include <cstdint>

namespace langzoo {

/// Bytes of the machine's memory, or of the container's limit where that is less.
std::uint64_t total_memory();

}  // namespace langzoo
