/// What programs say of models: how a saved one differs from its file.
#pragma once

#include <filesystem>

#include "models/io/state_dict.h"

namespace langzoo {

/// Tells the user on stderr, in one line, what of the model in `dir` was left out, is new or was taken otherwise than
/// its config.json says. Nothing where there is nothing to tell.
void show_load_report(const std::filesystem::path& dir, const LoadReport& report);

}  // namespace langzoo
