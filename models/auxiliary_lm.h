/// What training with language modelling beside the task asks of a model, whatever its family: Radford et al. 2018,
/// section 3.2, L3 = L2 + lambda L1.
#pragma once

#include <torch/types.h>

#include "models/token_inputs.h"

namespace langzoo {

struct LogitsWithLm {
  torch::Tensor logits;   ///< what the model's own logits() gives
  torch::Tensor lm_loss;  ///< scalar: of each row the mean cross-entropy of its tokens but the first, summed over rows
};

/// A model of another task that has its language model's output layer too.
class AuxiliaryLm {
 public:
  virtual ~AuxiliaryLm() = default;
  /// Both from one pass. Padding counts nothing; each choice of an example is a row.
  virtual LogitsWithLm logits_with_lm(const TokenInputs& inputs) = 0;
};

}  // namespace langzoo
