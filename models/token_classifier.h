/// What tagging asks of a model, whatever its family: the families' ...ForTokenClassification implement it.
#pragma once

#include <torch/types.h>

#include "models/io/class_labels.h"
#include "models/task_model.h"
#include "models/token_inputs.h"

namespace langzoo {

/// A model that gives each token a label.
class TokenClassifier : public TokenModel {
 public:
  virtual const ClassLabels& labels() const = 0;
  /// Shapes: inputs (B,T) -> (B,T, labels).
  virtual torch::Tensor logits(const TokenInputs& inputs) = 0;
};

}  // namespace langzoo
