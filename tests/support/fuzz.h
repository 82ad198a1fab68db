/// A fuzzer is an ordinary program: it replays its seeds, then mutates them, and fails by crashing (run it under the
/// address sanitizer: preset asan) or by an exception that is not a langzoo error.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace langzoo::test {

/// Options: --runs N (default 2000), --seed S (default 1), --seconds T (stop early). `target` must return or throw
/// std::runtime_error / std::invalid_argument / std::out_of_range on any bytes; std::bad_alloc and anything else fails,
/// and the input is written to fuzz-failure.bin. Prints `N runs, M accepted`.
int fuzz_main(int argc, char** argv, const std::vector<std::string>& seeds,
              const std::function<void(const std::string& bytes)>& target);

}  // namespace langzoo::test
