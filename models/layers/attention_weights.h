/// What attended to what in one pass through a model, kept for whoever looks at it.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <torch/types.h>

namespace langzoo {

enum class AttentionKind {
  kEncoder,  ///< each token of the source to all of the source
  kDecoder,  ///< each token of the target to those up to it
  kCross,    ///< each token of the target to the source
};

/// The weights of one kind. A forward that is given one asks attend() for its weights and adds those of each layer;
/// without one it runs as ever. Whoever asks does so in evaluation mode, where no layer is left out.
struct AttentionWeights {
  AttentionKind kind;
  std::int64_t most = std::numeric_limits<std::int64_t>::max();  ///< weights of a row of the batch
  std::vector<torch::Tensor> layers = {};                        ///< each (B,H,T,S)

  /// Throws std::length_error where that makes more than `most`. Shapes: weights (B,H,T,S).
  void add(const torch::Tensor& weights) {
    const auto heads = weights.size(1), queries = weights.size(2), keys = weights.size(3);
    layers.push_back(weights);
    if (heads * queries * keys <= most / std::ssize(layers)) return;
    throw std::length_error("attention: " + std::to_string(layers.size()) + " layers of " + std::to_string(heads) +
                            " heads over " + std::to_string(queries) + " x " + std::to_string(keys) +
                            " tokens are more than " + std::to_string(most) + " weights; take a shorter text");
  }
};

}  // namespace langzoo
