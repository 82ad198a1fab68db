/// The training state: everything a run needs, beside its data, to go on as if it had never stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "apps/training/distributed/distributed.h"
#include "apps/training/trainer.h"
#include "models/io/state_dict.h"

namespace langzoo {

/// A mean under way.
struct RunningMean {
  double sum = 0;
  std::int64_t count = 0;
  double mean() const { return sum / static_cast<double>(count); }
};

/// Where a run stands.
struct TrainingProgress {
  std::int64_t step = 0, tokens = 0;
  DataPosition position;
  /// Of the loss since the last report: over steps; of a task's own algorithm, over targets.
  RunningMean interval_loss;
  std::map<std::string, RunningMean> interval_losses;  ///< likewise of each loss term, where there are several
  double train_loss = std::numeric_limits<double>::quiet_NaN();  ///< mean of the last log interval that had a loss; of
                                                                 ///< an own algorithm NaN where the last had none
  std::int64_t evaluated_step = 0, evaluated_epoch = 0;
  EvalMetrics valid;           ///< of evaluated_step
  std::optional<double> best;  ///< of TrainerOptions::best_metric
  std::int64_t evaluations_without_best = 0;
  double plateau_scale = 1;             ///< of schedule plateau: what the rate is multiplied by now
  std::int64_t plateau_waits = 0;       ///< evaluations without a better one since it last changed
  std::map<std::int64_t, double> kept;  ///< the best evaluations whose checkpoints stay: steps and metrics

  /// Those that are numbers.
  void for_each_field(FieldVisitor& visit);
};

struct TrainingState {
  TrainingProgress progress;
  TrainerOptions options;
  std::int64_t world = 1;   ///< ranks that trained
  std::string fingerprint;  ///< TrainingTask::fingerprint()
  StateDict tensors;        ///< "model/<name>", "optimizer/...", "ema/...", "scaler/...", "task/...", "rng/<device>"
};

/// `<out>/training_state/state.safetensors`: weights, optimizer and counters in one file, replaced by one rename, so
/// that a crash at any moment leaves the old state or the new one, never parts of both.
std::filesystem::path training_state_path(const std::filesystem::path& out);
/// Throws FileError; the previous state is untouched then.
void save_training_state(const std::filesystem::path& out, const TrainingState& state);
/// Nothing when no state was saved under `out`. What an older program did not save yet has its default. Throws
/// FileError naming what is damaged, and an option that this program does not know.
std::optional<TrainingState> load_training_state(const std::filesystem::path& out);

/// Gives all ranks the state that rank 0 has, or none. All call it.
void share_training_state(std::optional<TrainingState>& state, Distributed& ranks);

/// Entries of `from` as "<prefix>/<name>" of `into`, and back.
void insert_prefixed(StateDict& into, const std::string& prefix, const StateDict& from);
StateDict extract_prefixed(const StateDict& from, const std::string& prefix);

/// Parameters and buffers by name, each distinct tensor once.
StateDict module_tensors(const torch::nn::Module& module);
/// Copies `saved` into the module's own tensors. Throws std::runtime_error naming what does not fit; nothing is changed
/// then.
void copy_into_module(torch::nn::Module& module, const StateDict& saved);

/// Throws std::runtime_error naming the option when a run saved as `saved` cannot go on under `current`; returns a
/// message for each other difference that changes what is learned.
std::vector<std::string> check_resumable(const TrainingState& saved, const TrainerOptions& current);

/// Removes what write_file_atomically leaves in `dir` when the process is killed.
void remove_partial_files(const std::filesystem::path& dir);

}  // namespace langzoo
