/// What classification asks of a model, whatever its family: the families' ...ForSequenceClassification implement it.
#pragma once

#include "models/io/class_labels.h"
#include "models/task_model.h"

namespace langzoo {

class SequenceClassifier : public TokenModel {
 public:
  virtual const ClassLabels& labels() const = 0;
  /// Shapes: ids (B,T) int64, mask (B,T) bool, true for tokens and false for padding -> (B, labels).
  virtual torch::Tensor logits(const torch::Tensor& ids, const torch::Tensor& mask) = 0;
};

}  // namespace langzoo
