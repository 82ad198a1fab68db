/// TransE and ERNIE on the command line.
#pragma once

#include "apps/cli/base/program.h"

namespace langzoo {

/// train, eval, score, predict, report.
Verbs ernie_verbs();

}  // namespace langzoo
