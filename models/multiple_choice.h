/// What multiple choice asks of a model, whatever its family: the families' ...ForMultipleChoice implement it.
#pragma once

#include <torch/types.h>

#include "models/task_model.h"
#include "models/token_inputs.h"

namespace langzoo {

/// A model that scores the choices of an example, each a row of its own.
class MultipleChoice : public TokenModel {
 public:
  /// Every tensor of `inputs` has the choices as a dimension. Shapes: inputs (B, choices, T) -> (B, choices).
  virtual torch::Tensor logits(const TokenInputs& inputs) = 0;
};

}  // namespace langzoo
