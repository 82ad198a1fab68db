/// How the layers of an encoder learn where they do not all learn alike: keys of the section `train`.
#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>

#include "models/io/config_fields.h"
#include "models/optim/parameter_rule.h"

namespace langzoo {

struct LayerTraining {
  /// Each layer learns this many times as fast as the one above it, the embeddings likewise below the first; the last
  /// layer that many times as fast as the head.
  double layer_decay = 1;
  bool freeze_embeddings = false;
  std::int64_t freeze_layers = 0;  ///< from below, the embeddings with them
  bool gradient_checkpointing = false;

  void for_each_field(FieldVisitor& visit);
  /// The rules for the parameters of `model`, of a generator and a discriminator for both, layer by layer; from now on
  /// it keeps of its layers' states what gradient_checkpointing says. Throws ConfigError for more layers than there
  /// are, and where anything is asked of a model without an encoder.
  std::vector<ParameterRule> apply(torch::nn::Module& model) const;
};

}  // namespace langzoo
