/// Many sentences through a noisy channel.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "apps/cli/translation/sentence_translator.h"
#include "models/noisy_channel/noisy_channel.h"

namespace langzoo {

/// The best hypotheses of each source, best first, on up to `threads` threads.
std::vector<Hypotheses> decode_sources(const NoisyChannel& channel, std::span<const std::vector<TokenId>> sources,
                                       int n_best, std::size_t threads);

}  // namespace langzoo
