/// A batch of tokens as encoders read it.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// Rows of one or two segments, padded to one length, usually on the right.
struct TokenInputs {
  torch::Tensor ids;                  ///< (B,T) int64
  torch::Tensor token_type_ids = {};  ///< (B,T) int64, the segment of each; undefined: all 0
  torch::Tensor attention_mask = {};  ///< (B,T) of any dtype, 0 on padding; undefined: there is none
  /// Padding is not computed: what comes out there is made of zeros. With this it is, as in transformers; the tokens'
  /// results are the same.
  bool compute_padding = false;
  // For models that read tokens' texts (models/token_features.h).
  torch::Tensor characters = {};  ///< (B,T,W) int64, 0 behind a token's
  torch::Tensor features = {};    ///< (J,B,T,C)
  torch::Tensor entity_ids = {};  ///< (B,T) int64 of models that read any: the entity that a token names, or -1
};

}  // namespace langzoo
