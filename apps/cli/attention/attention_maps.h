/// Attention to look at: what each token of a text looks at, in every layer and head. No torch; the page that shows it
/// is attention_page.h.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "apps/cli/base/json_output.h"

namespace langzoo {

/// One kind of attention. Letters: L layers, H heads, T queries, S keys.
struct AttentionMap {
  std::string name;                                  ///< "cross_attentions", as transformers' outputs
  std::string title;                                 ///< "From the decoder to the encoder"
  std::string about;                                 ///< what its tokens are
  std::vector<std::string> queries = {}, keys = {};  ///< T and S tokens as they are shown
  std::size_t layers = 1, heads = 1;
  std::vector<float> weights = {};  ///< (L,H,T,S) in [0,1]
};

/// Those of one text or of one pair of texts.
struct AttentionMaps {
  std::string title;
  std::vector<AttentionMap> maps;
};

/// Each map under its name: queries, keys, and weights as lists by layer, head, query and key.
JsonValue to_json(const AttentionMaps& maps);

}  // namespace langzoo
