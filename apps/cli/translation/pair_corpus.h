/// Sentence pairs on the command line: the flags of what is not training.
#pragma once

#include "apps/cli/base/options.h"
#include "apps/training/pair_corpus.h"

namespace langzoo {

/// Declares --data, which is returned, and what says how to read it.
Option& add_pairs_options(Options& options, PairsOptions& pairs);

}  // namespace langzoo
