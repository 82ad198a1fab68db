/// One model of a comparison under one seed: trained as the spec says, measured as its task does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "apps/training/comparison/comparison.h"

namespace langzoo {

/// All that a run is made of.
struct ComparedRun {
  const ComparisonTask& task;
  const ComparisonSpec& spec;
  const ComparisonData& data;
  const ModelSpec& model;
  const OwnLm* own = nullptr;
  std::uint64_t seed = 1;
  std::filesystem::path out;  ///< of the comparison

  /// A hash of what decides its result.
  std::string id() const;
  std::string name() const;              ///< "lstm seed 1"
  std::filesystem::path dir() const;     ///< of the model
  std::filesystem::path result() const;  ///< what it gave
  std::filesystem::path log() const;     ///< its messages
  /// Whether what lies in dir() is this run's: a later one of other settings may have taken it.
  bool has_model() const;
};

/// A training with the settings of such a run, but for its number of steps; opened in `out`. Throws ConfigError.
std::unique_ptr<TrainingRun> open_training(const ComparedRun& run, const std::filesystem::path& out);

/// Whether the run of a model, or with `pretraining` the one before it, has the key.
bool has_key(const ComparisonTask& task, const ModelSpec& model, const std::string& key, bool pretraining);

/// Throws ConfigError for settings that cannot be, before anything is trained: also for a common key that no model of
/// `spec` has, and for those that the comparison itself decides.
void check_settings(const ComparisonTask& task, const ComparisonSpec& spec, const ComparisonData& data,
                    const std::vector<OwnLm>& own);

/// Trains and measures, and writes result(). False: stopped and saved.
bool perform(const ComparedRun& run, const WorkerHooks& hooks);

/// The one of `own` that a spec means: of its name, without a family and a folder.
const OwnLm* own_of(const ModelSpec& model, const std::vector<OwnLm>& own);

}  // namespace langzoo
