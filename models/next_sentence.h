/// What next sentence prediction asks of a model, whatever its family.
#pragma once

#include <torch/types.h>

#include "models/task_model.h"
#include "models/token_inputs.h"

namespace langzoo {

/// Class 0: the second segment follows the first; 1: it does not.
class NextSentencePredictor : public TokenModel {
 public:
  /// Shapes: inputs (B,T) -> (B,2).
  virtual torch::Tensor logits(const TokenInputs& inputs) = 0;
};

}  // namespace langzoo
