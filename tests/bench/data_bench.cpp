// The data layer. Without arguments: batches of training windows, with and without a preparing thread.
// With `TEXT TOKENIZER`: building a token file from that text: MB/s and peak memory.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "data/files/text_source.h"
#include "data/text/causal_lm.h"

using namespace langzoo;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kTokens = 10'000'000, kVocabulary = 50257;

const std::vector<TokenId>& stream() {
  static const std::vector<TokenId> ids = [] {
    std::vector<TokenId> made(kTokens);
    for (std::size_t i = 0; i < kTokens; ++i) made[i] = static_cast<TokenId>(i % kVocabulary);
    return made;
  }();
  return ids;
}

/// Arguments: batch size, context, batches prepared ahead.
void windows(benchmark::State& state) {
  const CausalLmDataset dataset(TokenView(stream(), kVocabulary), state.range(1), 1);
  const auto batches = causal_lm_batches(dataset, state.range(0), static_cast<std::size_t>(state.range(2)));
  const auto batch = batches->next();
  if (!torch::equal((batch.ids + 1).remainder(static_cast<std::int64_t>(kVocabulary)), batch.targets)) {
    throw std::runtime_error("targets are not the next tokens");
  }
  for (auto _ : state) benchmark::DoNotOptimize(batches->next());
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1));
}
BENCHMARK(windows)->Args({12, 64, 0})->Args({12, 64, 2})->Args({16, 256, 0})->Args({16, 256, 2})->UseRealTime();

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void build(const fs::path& text, const fs::path& tokenizer_path) {
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const auto tokenizer = load_tokenizer(tokenizer_path);
  const auto documents = find_text_files(text);
  const fs::path out = fs::temp_directory_path() / "langzoo-data-bench-tokens";
  for (const std::size_t threads : {1, 2}) {
    fs::remove(out);
    const double before = peak_mib();
    TokenFileOptions options;
    options.threads = threads;
    auto start = Clock::now();
    const TokenFile file = TokenFile::open_or_build(documents, *tokenizer, out, options);
    const double building = seconds_since(start), megabytes = static_cast<double>(file.bytes()) / 1e6;
    start = Clock::now();
    if (TokenFile::open_or_build(documents, *tokenizer, out, options).was_built()) {
      throw std::runtime_error("a current file was built again");
    }
    std::printf(
        "%zu threads: %.1f MB, %zu tokens in %.2f s (%.1f MB/s), peak memory %.0f MiB (%.0f before); "
        "opened again in %.3f s\n",
        threads, megabytes, file.size(), building, megabytes / building, peak_mib(), before, seconds_since(start));
  }
  fs::remove(out);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && argv[1][0] != '-') {
    build(argv[1], argv[2]);
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
