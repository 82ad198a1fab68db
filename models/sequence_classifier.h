/// What classification asks of a model, whatever its family: the families' ...ForSequenceClassification implement it.
#pragma once

#include "models/io/class_labels.h"
#include "models/losses/classification.h"
#include "models/task_model.h"
#include "models/token_inputs.h"

namespace langzoo {

class SequenceClassifier : public TokenModel {
 public:
  virtual const ClassLabels& labels() const = 0;
  /// What the logits are: models/losses/classification.h has the loss of each.
  virtual ProblemType problem_type() const { return ProblemType::kSingleLabel; }
  /// Shapes: inputs (B,T) -> (B, labels).
  virtual torch::Tensor logits(const TokenInputs& inputs) = 0;
};

}  // namespace langzoo
