/// What the GPT line is trained for: language modelling, and the tasks of its heads, fine-tuned as Radford et al. 2018
/// have it: texts between START, DELIM and EXTRACT, read by their last token, the language model's loss beside the
/// task's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/task_setup.h"
#include "models/model_config.h"

namespace langzoo {

/// "gpt2", "openai-gpt", "gpt_neo"
const std::vector<std::string>& gpt_types();
/// "choice", "classification", "lm", "pair", "qa", "similarity", "tagging"
const std::vector<std::string>& gpt_finetuning_tasks();

/// The config of a run that says nothing, small enough to learn something on a laptop: the published shapes are
/// presets. Throws std::invalid_argument for another type.
std::unique_ptr<ModelConfig> gpt_config(std::string_view model_type);

// For a TrainingRun. Throw ConfigError for a type that is none of gpt_types(), and for a task that no class of
// transformers is for.

std::unique_ptr<TaskSetup> gpt_lm_setup(const std::string& model_type);
std::unique_ptr<TaskSetup> gpt_finetuning_setup(const std::string& model_type, const std::string& task);

}  // namespace langzoo
