/// Which tokens of a source and of a target belong together, to look at: attention, or probabilities of alignments.
#pragma once

#include <string>
#include <vector>

#include "apps/cli/attention/attention_maps.h"

namespace langzoo {

struct AttentionView {
  std::vector<std::string> source, target;   ///< tokens as they are shown
  std::vector<std::vector<double>> weights;  ///< [target][source], in [0,1]
};

/// As what a page shows, one layer of one head: `title` is that of the pair, `name` what the weights are.
AttentionMaps to_maps(const AttentionView& view, const std::string& title, const std::string& name);

/// For a terminal: a row for each target token, a column for each source token, written downwards.
std::string attention_text(const AttentionView& view);

}  // namespace langzoo
