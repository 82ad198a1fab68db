/// The truly best hypotheses, by looking at all of them.
#pragma once

#include "models/generation/beam_search.h"

namespace langzoo {

/// What beam_search looks for, found for certain: every hypothesis of at most max_new_tokens is scored, so it is for
/// small vocabularies and lengths. Of `options` those play no part that say how beams search: num_beams (which does not
/// limit num_return_sequences either), groups, early stopping and patience. Throws std::invalid_argument where more
/// than 2^20 hypotheses of one length are possible, and as beam_search does.
std::vector<std::vector<Hypothesis>> exhaustive_search(StepFunction& step, const PaddedPrompts& prompts,
                                                       const BeamSearchOptions& options);

}  // namespace langzoo
