/// What n-gram models have beside the verbs of all language models.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

std::unique_ptr<Verb> ngram_convert_verb();
std::unique_ptr<Verb> ngram_interpolate_verb();

}  // namespace langzoo
