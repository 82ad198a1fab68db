/// The attention of recurrent encoder-decoders: how much each position of the source weighs for a state of the decoder,
/// and the context that gives.
///
/// With h a decoder's state (the query) and hs the encoder's states:
///
///     dot       h . hs                       Luong et al. 2015, equation 8
///     general   h . W_a hs                   ditto
///     additive  v . tanh(W h + U hs)         Bahdanau et al. 2015, appendix A.1.2; Luong's "concat", v . tanh(W_a [h;
///     hs]),
///                                            is the same function with W_a = [W U]
///
/// weights = softmax(scores) over the source, context = sum of weights * hs. With a window (Luong's local-p, section
/// 3.2) a place is predicted, p = S sigmoid(v_p . tanh(W_p h)), S being the row's length, places counted from 0;
/// positions s with |s - p| > window get nothing, the softmax runs over the others, and their weights are then
/// multiplied by exp(-(s - p)^2 / (2 sigma^2)), sigma = window / 2, and not normalised again.
///
/// Letters: B batch, T queries of a row, S source length, Q query width, C width of the encoder's states, A key width.
#pragma once

#include <cstdint>
#include <string>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "models/layers/additive_attention.h"
#include "models/layers/linear.h"
#include "models/layers/stepwise_product.h"

namespace langzoo {

enum class AttentionScore { kDot, kGeneral, kAdditive };

/// "dot", "general", "additive" (also "concat"); std::invalid_argument for any other name.
AttentionScore attention_score_from_name(const std::string& name);

struct AttentionMechanismOptions {
  AttentionScore score = AttentionScore::kGeneral;
  std::int64_t query_size = 0;   ///< Q
  std::int64_t source_size = 0;  ///< C; Q for kDot
  std::int64_t key_size = 0;     ///< A of kAdditive
  std::int64_t window = 0;       ///< D of local-p; 0: all of the source
};

/// A source as attention sees it, made once and used for every query of one pass.
struct AttentionMemory {
  torch::Tensor values;  ///< (B,S,C) the encoder's states
  torch::Tensor keys;    ///< (B,S,A) what scores compare with: hs, W_a hs or U hs
  /// Products that every query needs; a training pass that makes them anew sums their gradients over its queries.
  StepwiseProduct query, scores, context;
  AdditiveScores additive;
  torch::Tensor lengths;  ///< (B) int64
  torch::Tensor bias;     ///< (B,1,S) 0 on tokens, -inf on padding
};

struct AttentionContext {
  torch::Tensor context;  ///< (B,T,C)
  torch::Tensor weights;  ///< (B,T,S), 0 on padding
};

class AttentionMechanismImpl : public torch::nn::Module {
 public:
  explicit AttentionMechanismImpl(const AttentionMechanismOptions& options);

  /// Shapes: values (B,S,C), lengths (B) int64 in [1,S].
  AttentionMemory source(const torch::Tensor& values, const torch::Tensor& lengths);

  /// The rows named of `source`, without gradients; several may be one.
  AttentionMemory rows(const AttentionMemory& source, const torch::Tensor& index);

  /// Shapes: queries (B,T,Q).
  AttentionContext forward(const torch::Tensor& queries, const AttentionMemory& source);

  Linear query{nullptr};     ///< W of kAdditive, no bias
  Linear key{nullptr};       ///< W_a of kGeneral, U of kAdditive, no bias
  torch::Tensor v;           ///< (A) of kAdditive
  Linear position{nullptr};  ///< W_p of local-p, no bias
  torch::Tensor position_v;  ///< (Q) of local-p

 private:
  void make_products(AttentionMemory& source);

  AttentionMechanismOptions options_;
};
TORCH_MODULE(AttentionMechanism);

}  // namespace langzoo
