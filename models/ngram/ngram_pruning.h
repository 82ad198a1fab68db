/// N-gram models made smaller.
#pragma once

#include <iosfwd>

#include "models/ngram/ngram_model.h"

namespace langzoo {

/// Writes the file of a model without the n-grams of two words and more whose absence changes its perplexity by less
/// than the share `threshold`, say 1e-7: Stolcke, "Entropy-based pruning of backoff language models" (1998). In memory.
/// Throws std::invalid_argument for a model that is no back-off model, or that has no words, and a threshold below 0.
void prune_by_entropy(const NGramModel& model, double threshold, std::ostream& out);

}  // namespace langzoo
