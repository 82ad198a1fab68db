/// The loss of answers that are spans of their context.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// The mean of the cross-entropies of the first and the last token, each a mean over the rows whose place lies in
/// [0,T); places beyond count as none, negative ones as 0, as in transformers. Where `mask` is given, padding takes no
/// part in the softmax; without it, it does, as in transformers. 0 of no such row.
/// Shapes: start_logits and end_logits (B,T), starts and ends (B) int64, mask (B,T), 0 on padding -> scalar.
torch::Tensor span_loss(const torch::Tensor& start_logits, const torch::Tensor& end_logits, const torch::Tensor& starts,
                        const torch::Tensor& ends, const torch::Tensor& mask = {});

}  // namespace langzoo
