/// What GPT's way of fine-tuning asks of a model, whatever its family: Radford et al. 2018, sections 3.2 and 3.3.
#pragma once

#include <torch/types.h>

#include "models/token_inputs.h"

namespace langzoo {

struct LogitsWithLm {
  torch::Tensor logits;   ///< what the model's own logits() gives
  torch::Tensor lm_loss;  ///< scalar: of each row the mean cross-entropy of its tokens but the first, summed over rows
};

/// A language model with another task's head, which reads a row by its last token and can still tell the next ones:
/// L3 = L2 + lambda L1.
class AuxiliaryLm {
 public:
  virtual ~AuxiliaryLm() = default;
  /// Both from one pass. Padding counts nothing; each choice, or order of a pair, of an example is a row.
  virtual LogitsWithLm logits_with_lm(const TokenInputs& inputs) = 0;
  /// Whether a pair of texts is two rows, in either order, whose logits are added up: similarity knows no order.
  virtual bool reads_both_orders() const { return false; }
};

}  // namespace langzoo
