/// Model folders on the command line: --model, and how a saved model differs from its file.
#pragma once

#include <filesystem>
#include <string>

#include "apps/cli/base/options.h"
#include "models/io/state_dict.h"

namespace langzoo {

/// Tells the user on stderr, in one line, what of the model in `dir` was left out, is new or was taken otherwise than
/// its config.json says. Nothing where there is nothing to tell.
void show_load_report(const std::filesystem::path& dir, const LoadReport& report);

/// Declares --model DIR. Of a folder whose run waits there for another one to replace it (run_to_read) `model` becomes
/// that run's, which the user is told.
Option& add_model_folder(Options& options, std::string& model,
                         const std::string& help = "a model folder: an earlier --out");

}  // namespace langzoo
