#include "apps/training/freed_memory.h"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace langzoo {

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest glibc accepts
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 16 << 20);
#endif
}

KeepLargeFreedMemory::KeepLargeFreedMemory() {
  keep_freed_memory();
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);  // never
#endif
}

KeepLargeFreedMemory::~KeepLargeFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 1 << 16);  // glibc's own choice
#endif
  keep_freed_memory();
  release_freed_memory();
}

void release_freed_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace langzoo
