/// Work on several threads: internal.
#pragma once

#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace langzoo {

/// Calls work(thread) once on each of max(threads, 1) threads, the caller's being thread 0, and waits for all. The
/// first exception is thrown again here.
template <class Work>
void run_on_threads(std::size_t threads, const Work& work) {
  std::mutex mutex;
  std::exception_ptr error;
  const auto guarded = [&](std::size_t thread) {
    try {
      work(thread);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t t = 1; t < threads; ++t) workers.emplace_back(guarded, t);
    guarded(0);
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace langzoo
