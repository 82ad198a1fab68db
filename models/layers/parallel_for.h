/// Loops of our own kernels on ATen's own threads.
#pragma once

#include <cstdint>
#include <type_traits>

namespace langzoo {

/// A part of a matrix with fewer elements than this is not worth a second thread.
constexpr std::int64_t kGrainElements = 1 << 15;

namespace detail {
void parallel_for(std::int64_t n, std::int64_t grain, void (*body)(void* context, std::int64_t begin, std::int64_t end),
                  void* context);
}

/// Calls body(begin, end) over disjoint ranges that cover [0, n), at least `grain` long, on up to at::get_num_threads()
/// threads. The ranges depend on n, grain and the number of threads alone. `body` must not throw.
///
/// at::parallel_for does this only in files compiled with -fopenmp, and a second OpenMP runtime beside torch's would
/// fight it for the cores; this one enters the runtime torch has loaded.
template <class Body>
void parallel_for(std::int64_t n, std::int64_t grain, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  detail::parallel_for(
      n, grain,
      [](void* context, std::int64_t begin, std::int64_t end) { (*static_cast<Plain*>(context))(begin, end); },
      const_cast<std::remove_const_t<Plain>*>(&body));
}

}  // namespace langzoo
