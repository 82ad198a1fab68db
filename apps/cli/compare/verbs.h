/// The verbs of langzoo-compare: one a kind of task, and `page`.
#pragma once

#include <memory>
#include <optional>

#include "apps/cli/base/program.h"

namespace langzoo {

Verbs compare_verbs();

/// Runs one model of a comparison where the command line is that of a process which the verbs start; its exit code.
std::optional<int> compare_worker(int argc, char** argv);

}  // namespace langzoo
