/// The attention of models as what a page shows.
#pragma once

#include <string>
#include <vector>

#include "apps/cli/attention/attention_maps.h"
#include "models/layers/attention_weights.h"

namespace langzoo {

/// Tokens as they are shown, of a model's source and target; those that there are not stay empty.
struct AttentionTokens {
  std::vector<std::string> source;
  std::vector<std::string> decoder_input;  ///< what the decoder has read, the start token first
  std::vector<std::string> target;         ///< what it writes, one behind decoder_input
};

/// The first row of the batch. Throws std::invalid_argument where the tokens are not as many as the weights.
AttentionMap attention_map(const AttentionWeights& weights, const AttentionTokens& tokens);

}  // namespace langzoo
