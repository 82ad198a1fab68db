#include "apps/training/release_memory.h"

#include <malloc.h>

namespace langzoo {

void release_freed_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace langzoo
