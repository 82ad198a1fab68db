/// What langzoo-tagger trains (models/tagger): sentences of tagged words, or labelled texts, with word vectors as they
/// begin and another model's features.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "apps/training/task_setup.h"
#include "models/model_config.h"

namespace langzoo {

/// "tagging", "classification"
std::span<const std::string_view> tagger_tasks();

/// The config of a run that says nothing.
std::unique_ptr<ModelConfig> tagger_config(std::string_view task);
/// For a TrainingRun. Throws ConfigError for another task.
std::unique_ptr<TaskSetup> tagger_setup(const std::string& task);
/// The task of the run in `dir`; empty where it does not say.
std::string tagger_task_of_run(const std::filesystem::path& dir);

}  // namespace langzoo
