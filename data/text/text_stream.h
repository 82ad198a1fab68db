/// One stream of tokens for models with a memory: as many columns as a batch has rows, read side by side from left to
/// right, so that what a model remembers of a row goes on in the next batch (truncated backpropagation through time).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/types.h>

#include "data/batching/batch_iterator.h"
#include "data/text/token_file.h"

namespace langzoo {

struct TextStreamOptions {
  std::int64_t batch_size = 20;  ///< columns of each rank
  std::int64_t steps = 35;       ///< tokens of a column in a batch
  /// Lengths vary about `steps`, as in AWD-LSTM (Merity et al. 2018, section 4.1): N(steps, 5^2), of one batch in
  /// twenty N(steps / 2, 5^2), at least 5, stretched alike so that an epoch has as many batches as any other.
  bool random_steps = false;
  /// Probability that a column begins a batch with a new state. Where a long text is read once or twice nothing else
  /// renews it, and a state can settle where the model depends on it, from which no text begins.
  double reset_probability = 0;
  std::uint64_t seed = 1;
  Rank rank = {};
};

struct TextStreamBatch {
  torch::Tensor ids;      ///< (B,T) int64
  torch::Tensor targets;  ///< (B,T) int64: the token after each
  bool begins = false;    ///< an epoch: what was read before does not count
  torch::Tensor resets;   ///< (B) bool: columns that begin with a new state besides; undefined: none
};

/// The stream cut into batches. Fewer tokens than there are columns are left out, at its end. What owns the tokens must
/// outlive it; any number of threads may read.
class TextStream {
 public:
  /// Throws std::invalid_argument for options that cannot be, std::runtime_error where a column has no token to
  /// predict.
  TextStream(TokenView tokens, const TextStreamOptions& options);

  const TextStreamOptions& options() const { return options_; }
  std::int64_t column_length() const { return length_; }  ///< tokens to predict
  std::int64_t batches_per_epoch() const { return batches_; }
  /// Where each batch of an epoch begins in its column, and the end: batches_per_epoch() + 1 places.
  std::vector<std::int64_t> cuts(std::int64_t epoch) const;
  TextStreamBatch batch(const DataPosition& at) const;

 private:
  struct LastCuts;
  TokenView tokens_;
  TextStreamOptions options_;
  std::int64_t length_, batches_;
  std::shared_ptr<LastCuts> last_;  ///< of the epoch that was read last; copies have the same
};

/// Endless batches. All ranks of a world read the same steps of the stream, each in columns of its own.
std::unique_ptr<BatchIterator<TextStreamBatch>> text_stream_batches(TextStream stream, std::size_t prepare_ahead = 0);

}  // namespace langzoo
