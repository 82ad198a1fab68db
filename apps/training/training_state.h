/// The training state: everything a run needs, beside its data, to go on as if it had never stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>

#include <torch/nn/module.h>

#include "apps/training/trainer.h"
#include "models/io/state_dict.h"

namespace langzoo {

/// Where a run stands.
struct TrainingProgress {
  std::int64_t step = 0, tokens = 0;
  DataPosition position;
  double interval_loss = 0;         ///< sum over what was learned since the last report
  std::int64_t interval_terms = 0;  ///< of that sum: steps; of a task's own algorithm, targets
  double train_loss = std::numeric_limits<double>::quiet_NaN();  ///< mean of the last log interval that had terms; of
                                                                 ///< an own algorithm NaN where the last had none
  std::int64_t evaluated_step = 0;
  EvalMetrics valid;  ///< of evaluated_step
  double best = std::numeric_limits<double>::infinity();
  std::int64_t evaluations_without_best = 0;
};

struct TrainingState {
  TrainingProgress progress;
  TrainerOptions options;
  std::string fingerprint;  ///< TrainingTask::fingerprint()
  StateDict tensors;        ///< "model/<name>", "optimizer/...", "ema/...", "scaler/...", "rng/<device>"
};

/// `<out>/training_state/state.safetensors`: weights, optimizer and counters in one file, replaced by one rename, so
/// that a crash at any moment leaves the old state or the new one, never parts of both.
std::filesystem::path training_state_path(const std::filesystem::path& out);
/// Throws FileError; the previous state is untouched then.
void save_training_state(const std::filesystem::path& out, const TrainingState& state);
/// Nothing when no state was saved under `out`. Throws FileError naming what is damaged.
std::optional<TrainingState> load_training_state(const std::filesystem::path& out);

/// Entries of `from` as "<prefix>/<name>" of `into`, and back.
void insert_prefixed(StateDict& into, const std::string& prefix, const StateDict& from);
StateDict extract_prefixed(const StateDict& from, const std::string& prefix);

/// Parameters and buffers by name, each distinct tensor once.
StateDict module_tensors(const torch::nn::Module& module);
/// Copies `saved` into the module's own tensors. Throws std::runtime_error naming what does not fit; nothing is changed
/// then.
void copy_into_module(torch::nn::Module& module, const StateDict& saved);

/// Throws std::runtime_error naming the option when a run saved under `saved` cannot go on under `current`; returns a
/// message for each other difference that changes what is learned.
std::vector<std::string> check_resumable(const TrainerOptions& saved, const TrainerOptions& current);

/// Removes what write_file_atomically leaves in `dir` when the process is killed.
void remove_partial_files(const std::filesystem::path& dir);

}  // namespace langzoo
