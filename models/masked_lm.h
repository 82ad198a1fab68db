/// What masked language modelling asks of a model, and pretraining that judges pairs of segments besides; names no
/// family. The families' ...ForMaskedLm and ...ForPreTraining implement it.
#pragma once

#include <torch/types.h>

#include "models/task_model.h"
#include "models/token_inputs.h"

namespace langzoo {

/// A model that predicts the tokens that were hidden.
class MaskedLm : public TokenModel {
 public:
  /// Of every token. Shapes: inputs (B,T) -> (B,T,V).
  virtual torch::Tensor logits(const TokenInputs& inputs) = 0;
  /// Of some tokens, which are all that is computed. `places` count through the rows: token t of row b is b T + t.
  /// Shapes: inputs (B,T), places (N) int64 -> (N,V).
  virtual torch::Tensor logits_at(const TokenInputs& inputs, const torch::Tensor& places) = 0;
  /// Cross-entropy summed over the labels that are not -100, whose logits are all that is computed.
  /// Shapes: inputs and labels (B,T) int64 -> scalar.
  virtual torch::Tensor loss_sum(const TokenInputs& inputs, const torch::Tensor& labels) = 0;
};

/// Of a batch, each summed over its labels that are not -100.
struct PretrainingLoss {
  torch::Tensor masked_lm, sentence;  ///< scalars
};

struct PretrainingLogits {
  torch::Tensor masked_lm;  ///< (B,T,V)
  torch::Tensor sentence;   ///< (B,2)
};

/// One that tells besides whether the second segment follows the first (BERT: class 0, another text 1), or both are in
/// order (ALBERT: 0, swapped 1).
class PretrainingModel : public MaskedLm {
 public:
  virtual PretrainingLogits pretraining_logits(const TokenInputs& inputs) = 0;
  /// Shapes: inputs and labels (B,T), sentence_labels (B) int64.
  virtual PretrainingLoss pretraining_loss(const TokenInputs& inputs, const torch::Tensor& labels,
                                           const torch::Tensor& sentence_labels) = 0;
};

}  // namespace langzoo
