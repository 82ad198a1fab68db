/// What becomes of memory that was freed: of the process, by glibc; elsewhere none of these does anything.
#pragma once

namespace langzoo {

/// Keeps blocks of less than 32 MiB for the next tensor. A model asks for the same tensors step after step; by default
/// glibc returns each to the system and pays for fresh, zeroed pages the next time: 26 % of a small model's step.
void keep_freed_memory();

/// While it lives larger blocks are kept too, a vocabulary's logits and gradients: 10 to 27 % of a step with 30,000 to
/// 50,000 tokens. For steps, which are all alike, not for what reads data: of a buffer that grows all former ones would
/// stay. Begins with keep_freed_memory(), ends with release_freed_memory().
class KeepLargeFreedMemory {
 public:
  KeepLargeFreedMemory();
  ~KeepLargeFreedMemory();
  KeepLargeFreedMemory(const KeepLargeFreedMemory&) = delete;
  KeepLargeFreedMemory& operator=(const KeepLargeFreedMemory&) = delete;
};

/// Gives the system back what was freed.
void release_freed_memory();

}  // namespace langzoo
