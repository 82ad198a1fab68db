// Parallel corpora: `PAIRS TOKENIZER` reads and encodes a file of sentence pairs and makes an epoch's batches: pairs/s,
// tokens/s, and how much of the batches is padding. Checks first that the epoch holds every token once.
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "data/parallel/parallel_corpus.h"
#include "data/text/causal_lm.h"

using namespace langzoo;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: parallel_bench PAIRS TOKENIZER\n");
    return 2;
  }
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const auto tokenizer = load_tokenizer(argv[2]);
  ParallelCorpus corpus;
  for (const std::size_t threads : {1, 2}) {
    const auto start = Clock::now();
    corpus = ParallelCorpus::read(*open_parallel_text(argv[1]), *tokenizer, *tokenizer, {.threads = threads});
    const double seconds = seconds_since(start);
    const auto tokens = static_cast<double>(corpus.source_tokens() + corpus.target_tokens());
    std::printf("%zu threads: %lld pairs, %.0f tokens read and encoded in %.3f s: %.0f pairs/s, %.2f M tokens/s\n",
                threads, static_cast<long long>(corpus.size()), tokens, seconds,
                static_cast<double>(corpus.size()) / seconds, tokens / seconds / 1e6);
  }
  const ParallelSpecialTokens special{.start = 1, .source_end = 2, .target_end = 2};
  const auto lengths = pair_lengths(corpus, special);
  const std::pair<const char*, BatchLimits> kinds[] = {{"4096 tokens", {.tokens = 4096}},
                                                       {"16384 tokens", {.tokens = 16384}},
                                                       {"128 sentences", {.sentences = 128}},
                                                       {"2048 target tokens", limits_by_target_tokens(lengths, 2048)}};
  for (const auto& [name, limits] : kinds) {
    auto start = Clock::now();
    const auto batches = parallel_batches(corpus, special, limits, 1);
    const double ordering = seconds_since(start);
    start = Clock::now();
    for (std::int64_t i = 0; i < batches->batches_per_epoch(); ++i) batches->next();
    const double making = seconds_since(start);
    std::int64_t padded = 0, labels = 0, words = 0;
    for (std::int64_t i = 0; i < batches->batches_per_epoch(); ++i) {
      const auto batch = batches->next();
      padded += batch.source.numel() + batch.labels.numel();
      labels += batch.labels.ne(kIgnoredTarget).sum().item<std::int64_t>();
      words += batch.source_lengths.sum().item<std::int64_t>();
    }
    if (labels != corpus.target_tokens() + corpus.size() || words != corpus.source_tokens() + corpus.size()) {
      throw std::runtime_error("an epoch does not hold every token once");
    }
    const auto tokens = static_cast<double>(labels + words);
    std::printf(
        "batches of %s: %lld, of %.1f target tokens on average, ordered in %.3f s, made in %.3f s: %.1f M tokens/s; "
        "%.2f %% padding\n",
        name, static_cast<long long>(batches->batches_per_epoch()),
        static_cast<double>(labels) / static_cast<double>(batches->batches_per_epoch()), ordering, making,
        tokens / making / 1e6, 100 * (1 - tokens / static_cast<double>(padded)));
  }
  return 0;
}
