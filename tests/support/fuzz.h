/// A fuzzer replays its seeds, then mutates them, and fails by crashing (run it under the address sanitizer: preset
/// asan), by an exception that is not a langzoo error, by an input that takes seconds, or by accepting nothing at all.
/// All those of one kind are one program: `langzoo_fuzz NAME --runs 100000`, and `langzoo_fuzz_plain` for those without
/// LibTorch.
#pragma once

#include <cstddef>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo::test {

using FuzzRandom = std::mt19937_64;

/// Uniform in [0, n); 0 where n is 0.
inline std::size_t below(FuzzRandom& random, std::size_t n) {
  return n == 0 ? 0 : random() % n;
}

/// Unless `holds`: throws what is no langzoo error, so that the fuzzer fails.
inline void require(bool holds, std::string_view what) {
  if (!holds) throw std::logic_error(std::string(what));
}

/// One to four of the usual mutations: bits, bytes, parts of `seeds`, and integers that reach length and offset fields.
std::string mutate_bytes(std::string bytes, const std::vector<std::string>& seeds, FuzzRandom& random);

/// A new input, of at most 100 KB.
using FuzzMutation = std::function<std::string(FuzzRandom& random)>;

/// Options: --runs N (default 2000), --seed S (default 1), --seconds T (stop early), --input FILE (this one only).
/// `target` must return or throw std::runtime_error / std::invalid_argument / std::out_of_range on any bytes;
/// std::bad_alloc and anything else fails, as do 5 s of processor time, and the input is written to fuzz-failure.bin.
/// Unless it is given an input, at least one must be accepted: what refuses everything tests nothing.
/// `mutate` makes the inputs after the seeds; without it they are seeds with mutated bytes. Prints `N runs, M
/// accepted`.
int fuzz_main(int argc, char** argv, const std::vector<std::string>& seeds,
              const std::function<void(const std::string& bytes)>& target, const FuzzMutation& mutate = {});

struct Fuzzer {
  Fuzzer(const char* name, int (*run)(int argc, char** argv));
};

/// The fuzzer that the first argument names.
int run_fuzzer(int argc, char** argv);

/// Defines the fuzzer `name`; what follows is the body of a main function, which ends in fuzz_main().
#define LANGZOO_FUZZER(name)                                           \
  static int run_##name(int argc, char** argv);                        \
  static const langzoo::test::Fuzzer name##_fuzzer(#name, run_##name); \
  static int run_##name(int argc, char** argv)

}  // namespace langzoo::test
