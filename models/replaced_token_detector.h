/// What replaced token detection asks of a model, whatever its family.
#pragma once

#include <torch/types.h>

#include "models/task_model.h"
#include "models/token_inputs.h"

namespace langzoo {

/// A model that tells the tokens of a text from those that another model wrote in their place.
class ReplacedTokenDetector : public TokenModel {
 public:
  /// Above 0: replaced. What padding has means nothing. Shapes: inputs (B,T) -> (B,T).
  virtual torch::Tensor logits(const TokenInputs& inputs) = 0;
};

}  // namespace langzoo
