/// What programs say of models: how a saved one differs from its file, whether one knows all its tokenizer's tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "models/io/state_dict.h"
#include "models/model_config.h"

namespace langzoo {

/// Tells the user on stderr, in one line, what of the model in `dir` was left out, is new or was taken otherwise than
/// its config.json says. Nothing where there is nothing to tell.
void show_load_report(const std::filesystem::path& dir, const LoadReport& report);

/// Throws UsageError where the field `name` of a run's section `model` says fewer tokens than the tokenizer has.
void require_vocabulary(ModelConfig& config, const std::string& name, std::int64_t tokens);

}  // namespace langzoo
