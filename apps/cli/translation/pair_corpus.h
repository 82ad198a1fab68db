/// Sentence pairs on the command line: the flags of what is not training.
#pragma once

#include "apps/cli/base/options.h"
#include "apps/training/pair_corpus.h"

namespace langzoo {

/// Declares --data, which is returned, and what says how to read it.
Option& add_pairs_options(Options& options, PairsOptions& pairs);

/// Tells the user what of the lines belongs to no pair (SentencePairs::left_out).
void tell_left_out(const std::string& what);

}  // namespace langzoo
