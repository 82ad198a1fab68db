/// A verb of programs that train models by gradients: the mean of several checkpoints.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

std::unique_ptr<Verb> average_verb();

}  // namespace langzoo
