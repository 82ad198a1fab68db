#include "data/parallel/parallel_corpus.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/cpus.h"
#include "data/parallel/subword_sampler.h"
#include "data/text/causal_lm.h"
#include "data/text/fingerprint.h"
#include "data/words/vocabulary.h"
#include "third_party/torch.h"
#include "tokenizers/parallel.h"

namespace langzoo {

namespace {

constexpr std::size_t kRoundPairs = 8192;  ///< encoded at a time
constexpr std::size_t kRoundBytes = std::size_t{16} << 20;
constexpr std::size_t kSharePairs = 64;  ///< of them, by a thread at a time

struct EncodedPair {
  SentencePair text;
  std::vector<TokenId> source, target;
  std::string failure;  ///< of encoding it
};

void encode(EncodedPair& pair, const Tokenizer& source, const Tokenizer& target) {
  if (!has_words(pair.text.source) || !has_words(pair.text.target)) return;
  try {
    source.encode(pair.text.source, pair.source);
    target.encode(pair.text.target, pair.target);
  } catch (const std::runtime_error& error) {
    pair.failure = error.what();
  }
}

std::int64_t source_length(std::size_t tokens, const ParallelSpecialTokens& special) {
  return static_cast<std::int64_t>(tokens) + (special.source_end ? 1 : 0);
}
std::int64_t target_length(std::size_t tokens, const ParallelSpecialTokens& special) {
  return static_cast<std::int64_t>(tokens) + (special.target_end ? 1 : 0);
}

/// Writes a sentence, and `end` behind it.
std::int64_t* write(std::span<const TokenId> sentence, std::optional<TokenId> end, std::int64_t* to) {
  to = std::copy(sentence.begin(), sentence.end(), to);
  if (end) *to++ = *end;
  return to;
}

}  // namespace

bool has_words(std::string_view text) {
  return !std::all_of(text.begin(), text.end(), is_word_space);
}

ParallelCorpus ParallelCorpus::read(SentencePairs& pairs, const Tokenizer& source, const Tokenizer& target,
                                    const ParallelCorpusOptions& options) {
  if (options.max_source < 0 || options.max_target < 0) {
    throw std::invalid_argument(
        fmt::format("max_source {}, max_target {}: expected at least 0", options.max_source, options.max_target));
  }
  const auto too_long = [](const std::vector<TokenId>& ids, std::int64_t most) {
    return most > 0 && static_cast<std::int64_t>(ids.size()) > most;
  };
  const std::size_t threads = options.threads > 0 ? options.threads : available_cpus();
  ParallelCorpus corpus;
  std::vector<EncodedPair> round;
  for (bool more = true; more;) {
    round.clear();
    std::size_t bytes = 0;
    while (round.size() < kRoundPairs && bytes < kRoundBytes) {
      EncodedPair pair;
      if (!(more = pairs.next(pair.text))) break;
      bytes += pair.text.source.size() + pair.text.target.size();
      round.push_back(std::move(pair));
    }
    std::atomic<std::size_t> next = 0;
    run_on_threads(std::min(threads, round.size() / kSharePairs + 1), [&](std::size_t) {
      for (std::size_t begin; (begin = next.fetch_add(kSharePairs)) < round.size();) {
        const std::size_t end = std::min(round.size(), begin + kSharePairs);
        for (std::size_t i = begin; i < end; ++i) encode(round[i], source, target);
      }
    });
    for (const EncodedPair& pair : round) {
      if (!pair.failure.empty()) {
        throw std::runtime_error(fmt::format("{}: line {}: {}", pairs.name(), pair.text.line, pair.failure));
      }
      if (pair.source.empty() || pair.target.empty()) {
        ++corpus.empty_;
      } else if (too_long(pair.source, options.max_source) || too_long(pair.target, options.max_target)) {
        ++corpus.too_long_;
      } else if (options.keep_texts) {
        corpus.add(pair.source, pair.target, pair.text.source, pair.text.target);
      } else {
        corpus.add(pair.source, pair.target);
      }
    }
  }
  if (corpus.size() == 0) {
    throw std::runtime_error(fmt::format("{}: no sentence pair is left of {} empty and {} over-long ones", pairs.name(),
                                         corpus.empty_, corpus.too_long_));
  }
  return corpus;
}

void ParallelCorpus::add(std::span<const TokenId> source, std::span<const TokenId> target) {
  source_.ids.insert(source_.ids.end(), source.begin(), source.end());
  source_.ends.push_back(source_.ids.size());
  target_.ids.insert(target_.ids.end(), target.begin(), target.end());
  target_.ends.push_back(target_.ids.size());
}

void ParallelCorpus::add(std::span<const TokenId> source, std::span<const TokenId> target, std::string_view source_text,
                         std::string_view target_text) {
  add(source, target);
  for (const auto& [side, text] : {std::pair(&source_, source_text), std::pair(&target_, target_text)}) {
    side->text += text;
    side->text_ends.push_back(side->text.size());
  }
}

void ParallelCorpus::add_pair_of(const ParallelCorpus& corpus, std::int64_t pair) {
  if (!corpus.has_texts()) return add(corpus.source(pair), corpus.target(pair));
  add(corpus.source(pair), corpus.target(pair), corpus.source_text(pair), corpus.target_text(pair));
}

std::uint64_t ParallelCorpus::fingerprint() const {
  const auto bytes_of = [](const auto& values) {
    return std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
  };
  Fingerprint print(1);
  for (const Side* side : {&source_, &target_}) {
    print.add(bytes_of(side->ids));
    print.add(bytes_of(side->ends));
    if (has_texts()) print.add(side->text);
  }
  return print.value();
}

SourceBatch source_batch(std::span<const std::span<const TokenId>> sentences, const ParallelSpecialTokens& special) {
  const auto rows = static_cast<std::int64_t>(sentences.size());
  SourceBatch batch{{}, torch::empty({rows}, torch::kInt64)};
  auto* lengths = batch.source_lengths.data_ptr<std::int64_t>();
  std::int64_t width = 0;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    lengths[i] = source_length(sentences[i].size(), special);
    width = std::max(width, lengths[i]);
  }
  batch.source = torch::full({rows, width}, special.pad, torch::kInt64);
  auto* ids = batch.source.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < sentences.size(); ++i, ids += width) write(sentences[i], special.source_end, ids);
  return batch;
}

ParallelBatch parallel_batch(const ParallelCorpus& corpus, std::vector<std::int64_t> pairs,
                             const ParallelSpecialTokens& special) {
  std::vector<std::span<const TokenId>> sources;
  std::int64_t width = 0;
  for (const std::int64_t pair : pairs) {
    if (pair < 0 || pair >= corpus.size()) throw std::out_of_range(fmt::format("pair {} of {}", pair, corpus.size()));
    sources.push_back(corpus.source(pair));
    width = std::max(width, target_length(corpus.target(pair).size(), special));
  }
  auto [source, source_lengths] = source_batch(sources, special);
  const auto rows = static_cast<std::int64_t>(pairs.size());
  ParallelBatch batch{std::move(source), std::move(source_lengths),
                      torch::full({rows, width}, special.pad, torch::kInt64),
                      torch::full({rows, width}, kIgnoredTarget, torch::kInt64), std::move(pairs)};
  auto* input = batch.decoder_input.data_ptr<std::int64_t>();
  auto* labels = batch.labels.data_ptr<std::int64_t>();
  for (const std::int64_t pair : batch.pairs) {
    std::int64_t* const end = write(corpus.target(pair), special.target_end, labels);
    if (end != labels) {
      input[0] = special.start;
      std::copy(labels, end - 1, input + 1);
    }
    input += width;
    labels += width;
  }
  return batch;
}

ParallelBatch to_device(ParallelBatch batch, torch::Device device) {
  batch.source = batch.source.to(device);
  batch.source_lengths = batch.source_lengths.to(device);
  batch.decoder_input = batch.decoder_input.to(device);
  batch.labels = batch.labels.to(device);
  return batch;
}

std::vector<PairLength> pair_lengths(const ParallelCorpus& corpus, const ParallelSpecialTokens& special) {
  std::vector<PairLength> lengths;
  lengths.reserve(static_cast<std::size_t>(corpus.size()));
  for (std::int64_t pair = 0; pair < corpus.size(); ++pair) {
    lengths.push_back(
        {source_length(corpus.source(pair).size(), special), target_length(corpus.target(pair).size(), special)});
  }
  return lengths;
}

std::unique_ptr<BatchIterator<ParallelBatch>> parallel_batches(const ParallelCorpus& corpus,
                                                               const ParallelSpecialTokens& special, BatchLimits limits,
                                                               std::uint64_t seed, std::size_t prepare_ahead, Rank rank,
                                                               const SubwordSampler* sampler) {
  check_rank(rank);
  LengthBatchSampler order(pair_lengths(corpus, special), limits, seed);
  const std::int64_t batches = order.batches_per_epoch();
  return std::make_unique<BatchIterator<ParallelBatch>>(
      batches,
      [&corpus, special, order = std::move(order), sampler, rank](const DataPosition& at) {
        auto pairs = share_of(order.examples(at), rank);
        if (sampler == nullptr) return parallel_batch(corpus, std::move(pairs), special);
        std::vector<std::int64_t> rows(pairs.size());
        std::iota(rows.begin(), rows.end(), 0);
        auto batch = parallel_batch(sampler->draw(pairs, at.epoch), std::move(rows), special);
        batch.pairs = std::move(pairs);
        return batch;
      },
      prepare_ahead);
}

}  // namespace langzoo
