/// What a family gives the trainer: batches as closures, an evaluation, and how its checkpoint directory is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include <torch/nn/module.h>

#include "data/batching/batch_iterator.h"

namespace langzoo {

/// One micro-batch, ready to run. The trainer never sees what is in it.
struct MicroBatch {
  std::int64_t num_targets =
      0;                        ///< terms in the loss: the step's loss is the sum over micro-batches / the sum of these
  std::int64_t num_tokens = 0;  ///< tokens read, for the speed shown
  /// Runs the forward pass: the loss summed over the targets, a scalar with a graph.
  std::function<torch::Tensor()> loss_sum;
};

/// Named figures of an evaluation, in the units their names say. `loss` (nats a token, lower is better) decides what
/// the best checkpoint is unless TrainerOptions::best_metric names another.
using EvalMetrics = std::map<std::string, double>;

/// What a task's own training did in one step.
struct OwnStep {
  double loss_sum = 0;  ///< over the targets; an algorithm without a loss has no targets
  std::int64_t num_targets = 0, num_tokens = 0;
};

class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  virtual torch::nn::Module& model() = 0;
  /// The next micro-batch in (seed, epoch) order; advances the position and passes from epoch to epoch without end.
  virtual MicroBatch next() = 0;
  /// One step of the task's own algorithm, for TrainerOptions::optimizer "own": updates the parameters and advances the
  /// position by one batch, in place of next(), gradients and an optimizer. Such a step may be long: it is given the
  /// schedule's rate at its beginning, as word2vec.c does, so that even a single one learns. Throws where a family has
  /// none.
  virtual OwnStep own_step(double /*learning_rate*/) {
    throw std::invalid_argument("train.optimizer is 'own', but this family has no training algorithm of its own");
  }
  virtual DataPosition position() const = 0;
  virtual void seek(const DataPosition& position) = 0;
  virtual std::int64_t batches_per_epoch() const = 0;
  /// What the order of the batches depends on (corpus, lengths, batch size, seed): a run resumes only under an equal
  /// one.
  virtual std::string fingerprint() const { return {}; }
  /// Called in evaluation mode, without gradients and under the run's autocast. Empty when there is no validation data.
  virtual EvalMetrics evaluate() = 0;
  /// Writes the Hugging Face directory (weights, config.json, tokenizer files).
  virtual void save_model(const std::filesystem::path& dir) = 0;
};

}  // namespace langzoo
