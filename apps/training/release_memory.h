/// Memory that a passing task needed.
#pragma once

namespace langzoo {

/// Gives the system back what was freed (programs that compute keep it for the next tensor).
void release_freed_memory();

}  // namespace langzoo
