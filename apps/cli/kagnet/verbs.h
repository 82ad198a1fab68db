/// KagNet on the command line.
#pragma once

#include "apps/cli/base/program.h"

namespace langzoo {

/// train, eval, predict, report.
Verbs kagnet_verbs();

}  // namespace langzoo
