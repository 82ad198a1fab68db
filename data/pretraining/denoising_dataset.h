/// A text as the examples of a denoising objective, and batches of them for encoder-decoders. What an example is
/// depends on (seed, epoch, number) alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "data/batching/batch_iterator.h"
#include "data/parallel/parallel_corpus.h"
#include "data/pretraining/denoising.h"
#include "data/text/causal_lm.h"

namespace langzoo {

/// Windows of a token stream, each as long as its inputs may be, cut anew every epoch (CausalLmDataset), and what the
/// objective makes of them. Sentences and documents are joined, as T5's are: end tokens within the text are left out.
/// What owns the tokens must outlive it. Any number of threads may read.
class DenoisingDataset {
 public:
  /// `max_source`: tokens of the inputs, end token included. Throws std::invalid_argument for lengths that leave no
  /// room, std::runtime_error for a text of fewer than 3 tokens.
  DenoisingDataset(TokenView tokens, DenoisingOptions options, std::int64_t max_source, std::optional<TokenId> end,
                   std::uint64_t seed);

  std::int64_t num_examples() const { return windows_.num_windows(); }
  /// Tokens of the text that an example is made of.
  std::int64_t tokens_per_example() const { return windows_.context(); }
  std::uint64_t seed() const { return windows_.seed(); }
  /// The given examples of an epoch, without end tokens. Throws std::out_of_range outside [0, num_examples()).
  ParallelCorpus examples(std::int64_t epoch, std::span<const std::int64_t> numbers) const;

 private:
  CausalLmDataset windows_;
  DenoisingOptions options_;
  std::optional<TokenId> end_;
};

/// Endless training batches of so many examples in the order of EpochOrder, from the data set's seed.
std::unique_ptr<BatchIterator<ParallelBatch>> denoising_batches(DenoisingDataset dataset,
                                                                const ParallelSpecialTokens& special,
                                                                std::int64_t batch_size, std::size_t prepare_ahead = 0,
                                                                Rank rank = {});

}  // namespace langzoo
