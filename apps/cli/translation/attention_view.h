/// Which tokens of a source and of a target belong together, to look at: attention, or probabilities of alignments.
#pragma once

#include <string>
#include <vector>

namespace langzoo {

struct AttentionView {
  std::vector<std::string> source, target;   ///< tokens as they are shown
  std::vector<std::vector<double>> weights;  ///< [target][source], in [0,1]
};

/// One picture after another, in one self-contained page.
std::string attention_page(const std::string& title, const std::string& subtitle,
                           const std::vector<AttentionView>& views);

/// For a terminal: a row for each target token, a column for each source token, written downwards.
std::string attention_text(const AttentionView& view);

}  // namespace langzoo
