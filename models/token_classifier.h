/// What tagging asks of a model, whatever its family: the families' ...ForTokenClassification implement it.
#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "models/io/class_labels.h"
#include "models/losses/cross_entropy.h"
#include "models/task_model.h"
#include "models/token_inputs.h"

namespace langzoo {

/// A model that gives each token a label.
class TokenClassifier : public TokenModel {
 public:
  virtual const ClassLabels& labels() const = 0;
  /// Shapes: inputs (B,T) -> (B,T, labels).
  virtual torch::Tensor logits(const TokenInputs& inputs) = 0;

  /// Whether labels depend on their neighbours' (a CRF): then there is no label smoothing, and what the logits are
  /// worth only the functions below know.
  virtual bool labels_are_chained() const { return false; }
  /// Of the tokens whose label is not -100, summed: the cross-entropy, or what the model has instead.
  /// Shapes: logits (B,T, labels), labels (B,T) int64 -> scalar.
  virtual torch::Tensor loss_sum(const torch::Tensor& logits, const torch::Tensor& labels,
                                 const LabelSmoothing& smoothing) const;
  /// The labels that the logits of one sentence choose: of its tokens that have one. Shapes: (T, labels) -> T ids.
  virtual std::vector<std::int64_t> best_labels(const torch::Tensor& logits) const;
};

}  // namespace langzoo
