#include "models/layers/parallel_for.h"

#include <algorithm>

#include <dlfcn.h>

#include "third_party/torch.h"

namespace langzoo::detail {

namespace {

/// The entry points of the OpenMP runtime torch runs on; null in a build of torch without one.
struct OpenMp {
  using Parallel = void (*)(void (*)(void*), void*, unsigned threads, unsigned flags);
  using Number = int (*)();

  Parallel parallel = reinterpret_cast<Parallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  Number thread = reinterpret_cast<Number>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
  Number threads = reinterpret_cast<Number>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
  Number nested = reinterpret_cast<Number>(dlsym(RTLD_DEFAULT, "omp_in_parallel"));

  static const OpenMp& get() {
    static const OpenMp openmp;
    return openmp;
  }
  bool usable() const { return parallel && thread && threads && nested && nested() == 0; }
};

struct Region {
  std::int64_t n;
  void (*body)(void*, std::int64_t, std::int64_t);
  void* context;
};

}  // namespace

void parallel_for(std::int64_t n, std::int64_t grain, void (*body)(void*, std::int64_t, std::int64_t), void* context) {
  if (n <= 0) return;
  const auto& openmp = OpenMp::get();
  const std::int64_t threads = std::min<std::int64_t>(at::get_num_threads(), n / std::max<std::int64_t>(grain, 1));
  if (threads <= 1 || !openmp.usable()) return body(context, 0, n);
  Region region{n, body, context};
  openmp.parallel(
      [](void* data) {
        const auto& [n, body, context] = *static_cast<Region*>(data);
        const auto& openmp = OpenMp::get();
        const std::int64_t parts = openmp.threads(), part = openmp.thread();
        const std::int64_t begin = n * part / parts, end = n * (part + 1) / parts;
        if (begin < end) body(context, begin, end);
      },
      &region, static_cast<unsigned>(threads), 0);
}

}  // namespace langzoo::detail
