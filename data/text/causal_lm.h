/// Windows of a token stream for causal language models: inputs, and the token after each as its target.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <torch/types.h>

#include "data/batching/batch_iterator.h"
#include "data/text/token_file.h"

namespace langzoo {

/// A target that no loss counts; the ignore index of every cross-entropy.
inline constexpr std::int64_t kIgnoredTarget = -100;

struct CausalLmBatch {
  torch::Tensor ids;      ///< (B,T) int64
  torch::Tensor targets;  ///< (B,T) int64: the token after each, or kIgnoredTarget
};

/// Training windows. Each epoch cuts the stream into windows of `context` inputs that do not overlap, from an offset
/// that (seed, epoch) decides, so that a token's place in its window changes from epoch to epoch. Fewer than
/// 2 * context tokens at the two ends of the stream belong to no window of an epoch; each epoch leaves out others.
/// What owns the tokens must outlive it. Any number of threads may read.
class CausalLmDataset {
 public:
  /// Throws std::invalid_argument for a context below 1, std::runtime_error for fewer than context + 1 tokens.
  CausalLmDataset(TokenView tokens, std::int64_t context, std::uint64_t seed);

  std::int64_t context() const { return context_; }
  std::uint64_t seed() const { return seed_; }
  std::int64_t num_windows() const { return num_windows_; }  ///< of each epoch
  /// Where the first window of an epoch begins.
  std::int64_t offset(std::int64_t epoch) const;
  /// The given windows of an epoch, in the order of the stream: 0 .. num_windows() - 1. T = context.
  CausalLmBatch windows(std::int64_t epoch, std::span<const std::int64_t> indices) const;

 private:
  TokenView tokens_;
  std::int64_t context_, num_windows_, num_offsets_;
  std::uint64_t seed_;
};

/// Endless training batches of (batch_size, context) windows in the order of EpochOrder, from the data set's seed.
std::unique_ptr<BatchIterator<CausalLmBatch>> causal_lm_batches(CausalLmDataset dataset, std::int64_t batch_size,
                                                                std::size_t prepare_ahead = 0, Rank rank = {});

/// Evaluation windows: up to n_positions inputs, beginning every `stride` tokens until the last token is reached. Every
/// token but the first is the target of exactly one window, the first that reaches it; where windows overlap, the rest
/// is context (kIgnoredTarget). stride = n_positions is fastest; less gives each target at least n_positions - stride
/// tokens of context (the text's beginning aside).
class EvaluationWindows {
 public:
  /// Throws std::invalid_argument unless 1 <= stride <= n_positions, std::runtime_error for fewer than 2 tokens.
  EvaluationWindows(TokenView tokens, std::int64_t n_positions, std::int64_t stride);

  std::int64_t num_windows() const { return num_windows_; }
  std::int64_t num_targets() const { return static_cast<std::int64_t>(tokens_.size()) - 1; }
  /// Windows [first, first + count), clipped to num_windows(), as one batch as wide as the longest of them. The last
  /// window of a text may be shorter: it is padded on the right with id 0 and kIgnoredTarget.
  CausalLmBatch batch(std::int64_t first, std::int64_t count) const;

 private:
  TokenView tokens_;
  std::int64_t n_positions_, stride_, num_windows_;
};

}  // namespace langzoo
