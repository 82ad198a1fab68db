/// word2vec's own trainer: threads that update the shared parameters in place, without locks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/word2vec/kernel.h"
#include "models/word2vec/sampling.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {

/// What was trained on.
struct Word2VecProgress {
  double loss_sum = 0;        ///< of Word2VecImpl::loss_sum, over the examples
  std::int64_t examples = 0;  ///< skip-gram: pairs of a word and a neighbour; CBOW: words
  std::int64_t words = 0;     ///< of the text, those that subsampling left out included
};

/// Trains by plain SGD on the objectives ns and hs. Every word of a window meets the same negatives, drawn once for
/// the window, so that an update is a small matrix product (Ji et al. 2016, "Parallelizing word2vec in shared and
/// distributed memory") instead of window times as many vector products; with subwords each pair has its own.
///
/// What is drawn at random depends on (seed, epoch, block), not on threads. With one thread the result is the same
/// bits every time; with more, updates of common rows may cross, as Hogwild allows.
class HogwildTrainer {
 public:
  /// `counts` are the vocabulary's; `words` its words, needed for subwords only. Throws std::invalid_argument for
  /// another number of them than the model has.
  HogwildTrainer(Word2Vec model, std::span<const std::int64_t> counts, std::span<const std::string> words,
                 std::uint64_t seed);
  ~HogwildTrainer();
  HogwildTrainer(HogwildTrainer&&) noexcept;

  /// Fills `ids` with a block of the text: word ids, -1 behind each sentence. Called from several threads at a time.
  using ReadBlock = std::function<void(std::int64_t block, std::vector<std::int32_t>& ids)>;

  /// Trains on blocks [first, last) with `threads` threads of ATen's pool at most. Throws std::invalid_argument where
  /// the model's parameters are not float32 on the CPU and contiguous, and for objective softmax, where every row
  /// changes at every step and there is nothing to gain.
  Word2VecProgress train(std::int64_t epoch, std::int64_t first, std::int64_t last, double learning_rate,
                         const ReadBlock& read_block, int threads);

  /// The same examples as tensors for Word2VecImpl::loss_sum: those of `block`, in order, on the CPU. The model may be
  /// anywhere, and of objective softmax too.
  std::vector<Word2VecBatch> examples(std::int64_t epoch, std::int64_t block, const ReadBlock& read_block,
                                      std::int64_t batch_size) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace langzoo
