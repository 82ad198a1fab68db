/// ERNIE's runs: pretraining (entity_pretraining.h), typing and relations (entity_texts.h), with a graph embedded by
/// TransE (transe.h).
#pragma once

#include <memory>
#include <string>

#include "apps/training/task_setup.h"

namespace langzoo {

/// 4 layers of width 128.
std::unique_ptr<ModelConfig> ernie_config();
/// "pretrain", "typing" or "relation".
std::unique_ptr<TaskSetup> ernie_setup(const std::string& objective);

}  // namespace langzoo
