/// How gradients reach back through time, and how large they are in training: vanishing and exploding ones shown
/// (Pascanu, Mikolov and Bengio 2013, https://arxiv.org/abs/1211.5063).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "models/causal_lm.h"
#include "tokenizers/encoding.h"

namespace langzoo {

/// What sizes a model of some kind has, new, to stand beside another one.
struct LmSizes {
  std::int64_t vocab_size = 0, embedding_size = 0, hidden_size = 0, layers = 0;
  std::int64_t positions = 0;  ///< of a Transformer
};
/// Of a recurrent or Transformer model. Throws std::invalid_argument for others.
LmSizes lm_sizes(CausalLm& model);
/// "rnn", "lstm", "gru" or "transformer", as large as that goes, with random weights.
std::shared_ptr<CausalLm> lm_of_size(std::string_view kind, const LmSizes& sizes);

/// At k the norm of the gradient that the loss of a row's last token has with respect to the embedding of the token k
/// places before the last that is read, the mean over the rows. Of a recurrent or Transformer model; throws
/// std::invalid_argument for others. Shapes: ids (B, T+1) int64 -> T numbers.
std::vector<double> gradients_through_time(CausalLm& model, const torch::Tensor& ids);

struct GradientTraining {
  std::int64_t steps = 60, batch_size = 20, bptt = 35;
  double learning_rate = 1.0;
  double clip_norm = 0;  ///< 0: none
};
struct GradientNorms {
  std::vector<double> norms;   ///< of all parameters' gradient in each step, before clipping
  std::vector<double> losses;  ///< nats a token
};
/// Plain SGD on windows of the text, one after another, from the beginning again at its end. Ends where a loss or a
/// gradient is not finite. Throws std::invalid_argument for a text shorter than a batch.
GradientNorms gradient_norms_in_training(CausalLm& model, std::span<const TokenId> ids,
                                         const GradientTraining& training);

}  // namespace langzoo
