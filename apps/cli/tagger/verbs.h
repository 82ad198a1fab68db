/// The verbs of langzoo-tagger.
#pragma once

#include "apps/cli/base/program.h"

namespace langzoo {

Verbs tagger_verbs();

}  // namespace langzoo
