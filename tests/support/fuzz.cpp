#include "tests/support/fuzz.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <new>
#include <stdexcept>

namespace langzoo::test {

namespace {

constexpr double kMaxSeconds = 5;  // of processor time an input; sanitizers included

using Run = int (*)(int argc, char** argv);

std::map<std::string, Run>& fuzzers() {
  static std::map<std::string, Run> all;
  return all;
}

}  // namespace

Fuzzer::Fuzzer(const char* name, Run run) {
  fuzzers()[name] = run;
}

int run_fuzzer(int argc, char** argv) {
  const auto found = fuzzers().find(argc > 1 ? argv[1] : "");
  if (found != fuzzers().end()) return found->second(argc - 1, argv + 1);
  std::fprintf(stderr, "usage: %s NAME [--runs N] [--seed S] [--seconds T] [--input FILE]\nfuzzers:", argv[0]);
  for (const auto& fuzzer : fuzzers()) std::fprintf(stderr, " %s", fuzzer.first.c_str());
  std::fprintf(stderr, "\n");
  return 2;
}

std::string mutate_bytes(std::string bytes, const std::vector<std::string>& seeds, FuzzRandom& random) {
  static constexpr std::int64_t kInteresting[] = {0,   1,     -1,    7,         8,         127,       128,      255,
                                                  256, 65535, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
  const std::size_t edits = 1 + below(random, 4);
  for (std::size_t i = 0; i < edits; ++i) {
    const std::size_t at = below(random, bytes.size() + 1);
    switch (below(random, 8)) {
      case 0:
        if (!bytes.empty()) bytes[at % bytes.size()] ^= static_cast<char>(1u << below(random, 8));
        break;
      case 1:
        if (!bytes.empty()) bytes[at % bytes.size()] = static_cast<char>(random());
        break;
      case 2:
        bytes.insert(at, 1 + below(random, 8), static_cast<char>(random()));
        break;
      case 3:
        if (at < bytes.size()) bytes.erase(at, 1 + below(random, 16));
        break;
      case 4:
        bytes.resize(at);
        break;
      case 5: {
        const std::int64_t value = kInteresting[below(random, std::size(kInteresting))];
        const std::size_t width = std::size_t{1} << below(random, 4);
        for (std::size_t k = 0; k < width && at + k < bytes.size(); ++k)
          bytes[at + k] = static_cast<char>(value >> (8 * k));
        break;
      }
      case 6: {
        const std::string& other = seeds[below(random, seeds.size())];
        const std::size_t from = below(random, other.size() + 1);
        bytes.insert(at, other.substr(from, below(random, 64)));
        break;
      }
      default: {
        const std::string number = std::to_string(kInteresting[below(random, std::size(kInteresting))]);
        bytes.replace(at, std::min(number.size(), bytes.size() - at), number);
      }
    }
  }
  return bytes;
}

int fuzz_main(int argc, char** argv, const std::vector<std::string>& seeds,
              const std::function<void(const std::string& bytes)>& target, const FuzzMutation& mutate) {
  std::vector<std::string> replayed = seeds;
  std::uint64_t runs = 2000, seed = 1;
  bool one_input = false;
  double seconds = 1e9;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--runs") runs = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seconds") seconds = std::strtod(argv[i + 1], nullptr);
    if (flag == "--input") {
      std::ifstream file(argv[i + 1], std::ios::binary);
      replayed.assign(1, std::string(std::istreambuf_iterator<char>(file), {}));
      runs = 0;
      one_input = true;
    }
  }
  FuzzRandom random(seed);
  std::uint64_t done = 0, accepted = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < replayed.size() + runs; ++i) {
    const std::string bytes = i < replayed.size() ? replayed[i]
                              : mutate            ? mutate(random)
                                                  : mutate_bytes(seeds[below(random, seeds.size())], seeds, random);
    const auto fail = [&](const char* what) {
      std::ofstream("fuzz-failure.bin", std::ios::binary) << bytes;
      std::fprintf(stderr, "run %llu (seed %llu): %s; input in fuzz-failure.bin\n", static_cast<unsigned long long>(i),
                   static_cast<unsigned long long>(seed), what);
      return 1;
    };
    const std::clock_t begin = std::clock();
    try {
      target(bytes);
      ++accepted;
    } catch (const std::bad_alloc&) {
      return fail("ran out of memory");
    } catch (const std::runtime_error&) {
    } catch (const std::invalid_argument&) {
    } catch (const std::out_of_range&) {
    } catch (const std::exception& error) {
      return fail(error.what());
    }
    if (static_cast<double>(std::clock() - begin) > kMaxSeconds * CLOCKS_PER_SEC) return fail("takes too long");
    ++done;
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > seconds) break;
  }
  std::printf("%llu runs, %llu accepted\n", static_cast<unsigned long long>(done),
              static_cast<unsigned long long>(accepted));
  if (accepted > 0 || one_input) return 0;
  std::fprintf(stderr, "nothing was accepted: the fuzzer tests nothing\n");
  return 1;
}

}  // namespace langzoo::test
