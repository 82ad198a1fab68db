/// GloVe's own trainer: threads that update the shared parameters in place, without locks.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "models/glove/glove.h"

namespace langzoo {

/// An entry of the co-occurrence matrix.
struct GloveEntry {
  std::int32_t row, column;
  float count;
};

/// What was trained on.
struct GloveProgress {
  double loss_sum = 0.0;  ///< of GloveImpl::loss_sum, over the entries, each before its step
  std::int64_t entries = 0;
  std::int64_t not_finite = 0;  ///< of them those that were left out
};

/// AdaGrad on one entry at a time (Duchi et al. 2011), as in glove.c: components of the gradient are clipped to +-100,
/// a step divides by the root of the sum of squares before it takes in the new one, the sums hold squares of the
/// gradient times the learning rate, and biases take steps, and sum squares, of the gradient alone. Entries whose loss
/// is not finite are left out.
///
/// With one thread the result is the same bits every time; with more, updates of common rows may cross, as Hogwild
/// allows (Niu et al. 2011). All state is in the module's tensors: a saved model goes on where it was.
class GloveTrainer {
 public:
  /// The model's parameters and buffers must be float32 on the CPU and contiguous whenever train() is called.
  explicit GloveTrainer(Glove model) : model_(std::move(model)) {}

  /// Replaces `entries` by a block of the matrix. Called from several threads at a time.
  using ReadBlock = std::function<void(std::int64_t block, std::vector<GloveEntry>& entries)>;

  /// Trains on blocks [first, last), in order when there is one thread, with `threads` threads of ATen's pool at most.
  /// glove.c's learning rate is 0.05. Throws std::invalid_argument for an entry that is outside the matrix or whose
  /// count is not positive and finite, and what read_block throws; what was trained till then stays.
  GloveProgress train(std::int64_t first, std::int64_t last, double learning_rate, const ReadBlock& read_block,
                      int threads);

 private:
  Glove model_;
};

}  // namespace langzoo
