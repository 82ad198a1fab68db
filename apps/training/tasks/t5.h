/// What T5 and its relatives are trained on: text to text.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/task_setup.h"
#include "models/model_config.h"

namespace langzoo {

/// "t5" (1.0, 1.1, FLAN-T5, ByT5) and "mt5".
const std::vector<std::string>& t5_types();

/// The config of a run that says nothing: 4 + 4 layers of width 256, the vocabulary from the tokenizer.
std::unique_ptr<ModelConfig> t5_config(std::string_view model_type);

/// For a TrainingRun, whose data.objective is this unless it says otherwise. Throws ConfigError for another model type.
std::unique_ptr<TaskSetup> text_to_text_setup(const std::string& model_type, const std::string& objective);

}  // namespace langzoo
