/// What BERT and its relatives are trained on: pretraining, and every task that one of their heads is for.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/task_setup.h"
#include "models/model_config.h"

namespace langzoo {

/// "bert", "roberta", ...
const std::vector<std::string>& encoder_types();
/// "mlm", "mlm+nsp", "mlm+sop", "electra"
const std::vector<std::string>& pretraining_objectives();
/// "classification", "pair", "regression", "tagging", "qa", "choice"
const std::vector<std::string>& finetuning_tasks();

/// The stages of distillation: that of DistilBERT's pretraining, and TinyBERT's "intermediate" and "prediction".
inline constexpr const char* kDistillation = "pretraining";
const std::vector<std::string>& distillation_stages();

/// The config of a run that says nothing: 4 layers of width 256, the vocabulary from the tokenizer.
std::unique_ptr<ModelConfig> encoder_config(std::string_view model_type);

/// The objective of a model type unless told otherwise.
std::string usual_objective(std::string_view model_type);

// For a TrainingRun. Throw ConfigError for a combination that no class of transformers is for.

std::unique_ptr<TaskSetup> pretraining_setup(const std::string& model_type, const std::string& objective);
std::unique_ptr<TaskSetup> finetuning_setup(const std::string& model_type, const std::string& task);
/// `task` is one of distillation_stages().
std::unique_ptr<TaskSetup> distillation_setup(const std::string& model_type, const std::string& task);

}  // namespace langzoo
