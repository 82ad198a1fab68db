/// The verb `score` of a knowledge graph's vectors.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

std::unique_ptr<Verb> triple_score_verb();

}  // namespace langzoo
