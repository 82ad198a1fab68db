/// The verb `report` of programs that train.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

/// Learning curves of several runs in one picture. It opens no model: runs may be of any programs.
std::unique_ptr<Verb> report_verb();

}  // namespace langzoo
