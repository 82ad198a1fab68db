/// What extractive question answering asks of a model, whatever its family: the families' ...ForQuestionAnswering
/// implement it.
#pragma once

#include <torch/types.h>

#include "models/task_model.h"
#include "models/token_inputs.h"

namespace langzoo {

struct SpanLogits {
  torch::Tensor start, end;  ///< (B,T): that the answer begins, or ends, at this token
};

/// A model that finds the answer to a question, the first segment, in a context, the second.
class QuestionAnswerer : public TokenModel {
 public:
  /// What padding has means nothing. models/losses/span.h is the loss. Shapes: inputs (B,T).
  virtual SpanLogits logits(const TokenInputs& inputs) = 0;
};

}  // namespace langzoo
