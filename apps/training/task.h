/// What a family gives the trainer: batches as closures, an evaluation, and how its checkpoint directory is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <torch/nn/module.h>

#include "apps/training/metric.h"
#include "data/batching/batch_iterator.h"
#include "models/io/state_dict.h"
#include "models/optim/parameter_rule.h"

namespace langzoo {

/// One of the losses that a step's loss is made of: MLM and NSP, a generator's and a discriminator's, a distillation's.
struct LossTerm {
  std::string name = "loss";
  double weight = 1;  ///< 0: reported only, nothing learns from it
};

/// One micro-batch, ready to run. The trainer never sees what is in it. A step's loss is
///
///     sum over terms of weight * (sum over micro-batches of the term's sum) / (sum over micro-batches of its count),
///
/// so counts are known before anything is computed, and accumulated micro-batches equal one large batch. A term that
/// counts nothing in a step contributes nothing.
struct MicroBatch {
  MicroBatch() = default;
  /// Of a task with one term: its sum over the targets, a scalar with a graph.
  MicroBatch(std::int64_t num_targets, std::int64_t tokens, std::function<torch::Tensor()> loss_sum)
      : counts{num_targets},
        num_tokens(tokens),
        loss_sums([loss_sum = std::move(loss_sum)] { return std::vector<torch::Tensor>{loss_sum()}; }) {}
  /// `loss_sums` runs the forward pass: a scalar with a graph for each term, in the order of
  /// TrainingTask::loss_terms(); that of a term without a count is not looked at and may be undefined.
  MicroBatch(std::vector<std::int64_t> term_counts, std::int64_t tokens,
             std::function<std::vector<torch::Tensor>()> loss_sums)
      : counts(std::move(term_counts)), num_tokens(tokens), loss_sums(std::move(loss_sums)) {}

  /// That of a rank which has no example of a batch.
  static MicroBatch nothing(std::size_t terms = 1) { return {std::vector<std::int64_t>(terms, 0), 0, nullptr}; }

  std::vector<std::int64_t> counts;  ///< of each term: what its sum is over
  std::int64_t num_tokens = 0;       ///< read, in TrainingTask::unit(), for the speed shown
  std::int64_t num_sources = 0;      ///< tokens of sources, where num_tokens are those of targets
  std::function<std::vector<torch::Tensor>()> loss_sums;
  /// Times the schedule's rate, for this step: of several micro-batches the mean.
  double learning_rate_scale = 1;
};

/// What a task's own training did in one step.
struct OwnStep {
  double loss_sum = 0;  ///< over the targets; an algorithm without a loss has no targets
  std::int64_t num_targets = 0, num_tokens = 0;
};

class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  virtual torch::nn::Module& model() = 0;

  /// What a step's loss is made of. Asked before each step: weights may change, names may not.
  virtual std::vector<LossTerm> loss_terms() const { return {LossTerm{}}; }
  /// How parameters are optimized that are not like the others, by name; of several rules for one the first holds.
  virtual std::vector<ParameterRule> parameter_rules() const { return {}; }

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
  /// Which of the processes that train together next() makes batches for: the trainer's rank.
  virtual Rank rank() const { return {}; }
  /// What the order of the batches depends on (corpus, lengths, batch size, seed): a run resumes only under an equal
  /// one. Asked once: it may take as long as reading the data.
  virtual std::string fingerprint() const { return {}; }
  /// Called where a run was saved under another fingerprint than fingerprint(), an earlier version's perhaps: returns
  /// the message under which it goes on all the same; throws std::runtime_error that says why it cannot.
  virtual std::string accept_fingerprint(const std::string& saved) const;

  /// What the task itself carries from batch to batch beside the position (hidden states, counters), by name: a resumed
  /// run is given it back after seek(). Empty where a batch depends on its position only.
  virtual StateDict state() const { return StateDict(); }
  /// Throws std::exception naming what is missing, unexpected or of another shape.
  virtual void load_state(const StateDict& state) {
    if (!state.is_empty())
      throw std::invalid_argument("the task keeps no state, but '" + state.front().key() + "' was saved");
  }

  /// Called in evaluation mode, without gradients and under the run's autocast. Empty when there is no validation data.
  virtual EvalMetrics evaluate() = 0;
  /// Writes the Hugging Face directory (weights, config.json, tokenizer files).
  virtual void save_model(const std::filesystem::path& dir) = 0;

  // Where several processes train together (Distributed), all of them call these at once:

  /// Along which dimension the parts of an entry of state() follow each other, each rank's its own; nothing: all ranks
  /// have the same.
  virtual std::optional<std::int64_t> state_dimension(const std::string& /*name*/) const { return std::nullopt; }
  /// Called before the model is evaluated or saved: an own algorithm brings together what its ranks have learned.
  virtual void synchronize() {}

  /// What MicroBatch::num_tokens counts: "tokens", "words".
  virtual std::string unit() const { return "tokens"; }
  /// What the loss is measured in.
  virtual std::string loss_unit() const { return "nats a token"; }
};

}  // namespace langzoo
