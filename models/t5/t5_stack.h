/// The blocks of T5's encoder and decoder. They differ from their ancestor's, the Transformer's, in these: the norms
/// come before each part and have neither mean nor bias, nothing has a bias, scores are not divided by sqrt(K), and
/// where tokens stand is said by a bias of the scores alone, which all layers of a stack share.
///
/// Mirrors transformers' modeling_t5.py (T5Attention to T5Stack); parameter names are its state-dict names.
///
/// Letters: B batch, T tokens given now, P tokens so far, S source tokens, C width (d_model), H heads, K head width
/// (d_kv), F feed-forward width (d_ff).
#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>

#include "models/layers/attention_weights.h"
#include "models/layers/cross_kv_cache.h"
#include "models/layers/kv_cache.h"
#include "models/layers/linear.h"
#include "models/layers/packed.h"
#include "models/layers/rms_norm.h"
#include "models/t5/t5_config.h"

namespace langzoo {

/// How the tokens of a pass lie, as padded rows (B,T) or packed ones (1,N) (packed.h), and what it keeps.
struct T5Rows {
  torch::Tensor bias = {};               ///< of self-attention, broadcastable to (B,H,T,P): positions and padding
  torch::Tensor cu_seqlens = {};         ///< of packed rows
  torch::Tensor source_cu_seqlens = {};  ///< of the packed rows that cross-attention reads
  /// Where they are wanted, get the weights of self-attention and of cross-attention, layer by layer, and the scores
  /// of self-attention without the padding's bias, (B,H,T,P).
  AttentionWeights *self_weights = nullptr, *cross_weights = nullptr;
  std::vector<torch::Tensor>* self_scores = nullptr;
  torch::Tensor position_bias = {};  ///< (1,H,T,P), of self_scores
};

class T5AttentionImpl : public torch::nn::Module {
 public:
  /// Of the first layer of a stack with the table of biases.
  T5AttentionImpl(const T5Config& config, bool with_biases);

  /// Self-attention. With `cache`, x are the newest tokens. Shapes: x (B,T,C) -> (B,T,C).
  torch::Tensor forward(const torch::Tensor& x, const T5Rows& rows, bool causal, KvCache* cache = nullptr);

  // Cross-attention, whose parts a decoder uses at different times.
  /// What queries are compared with. Shapes: states (N,S,C), bias undefined or (N,1,1,S).
  CrossKvCache memory(const torch::Tensor& states, const torch::Tensor& bias);
  /// Shapes: x (B,T,C) -> (B,H,T,K).
  torch::Tensor queries(const torch::Tensor& x) { return split_heads(q(x)); }
  /// Shapes: queries (B,H,T,K) -> (B,T,C).
  torch::Tensor read(const torch::Tensor& queries, const CrossKvCache& memory, const T5Rows& rows);

  Linear q{nullptr}, k{nullptr}, v{nullptr}, o{nullptr};
  torch::nn::Embedding relative_attention_bias{nullptr};  ///< (buckets,H)

 private:
  torch::Tensor split_heads(const torch::Tensor& x) const { return x.unflatten(-1, {heads_, -1}).transpose(1, 2); }
  torch::Tensor join_heads(const torch::Tensor& heads) { return o(heads.transpose(1, 2).flatten(2)); }
  double dropout() const { return is_training() ? dropout_ : 0.0; }

  std::int64_t heads_;
  double dropout_;
};
TORCH_MODULE(T5Attention);

/// wo(act(wi x)) or, gated (https://arxiv.org/abs/2002.05202), wo(act(wi_0 x) * wi_1 x).
class T5FeedForwardImpl : public torch::nn::Module {
 public:
  explicit T5FeedForwardImpl(const T5Config& config);

  /// Shapes: x (B,T,C) -> (B,T,C).
  torch::Tensor forward(const torch::Tensor& x);

  Linear wi{nullptr};    ///< "wi", of gated ones "wi_0"
  Linear wi_1{nullptr};  ///< of gated ones
  Linear wo{nullptr};

 private:
  Activation activation_;
  double dropout_;
};
TORCH_MODULE(T5FeedForward);

class T5BlockImpl : public torch::nn::Module {
 public:
  T5BlockImpl(const T5Config& config, bool decoder, bool with_biases);

  /// `queries` becomes what the cross-attention asked with, (B,H,T,K). Shapes: x (B,T,C) -> (B,T,C).
  torch::Tensor forward(const torch::Tensor& x, const T5Rows& rows, KvCache* cache, const CrossKvCache* memory,
                        torch::Tensor& queries);

  T5Attention self_attention{nullptr};
  T5Attention cross_attention{nullptr};  ///< a decoder's
  T5FeedForward feed_forward{nullptr};
  RmsNorm self_norm{nullptr}, cross_norm{nullptr}, feed_forward_norm{nullptr};

 private:
  /// x + part(RMSNorm(x)).
  template <class Part>
  torch::Tensor add(const torch::Tensor& x, RmsNorm& norm, const Part& part);

  double dropout_;
};
TORCH_MODULE(T5Block);

/// One pass of a stack beyond its ids. nullptr and undefined tensors stand for "no".
struct T5StackInputs {
  torch::Tensor padding_bias = {};                    ///< (B,1,1,P), 0 on tokens and -inf on padding
  const std::vector<CrossKvCache>* memory = nullptr;  ///< one a layer: what the encoder made of the sources
  std::vector<KvCache>* caches = nullptr;             ///< one a layer; this call's tokens are appended
  /// With caches: cached_biases() of their capacity, without which they are computed again.
  torch::Tensor biases = {};
  /// Only these tokens of ids, and sources of packed rows. Shapes then begin with (1,N).
  const PackedRows *rows = nullptr, *sources = nullptr;
  AttentionWeights *self_attentions = nullptr, *cross_attentions = nullptr;  ///< get those of every layer
  std::vector<torch::Tensor>* self_scores = nullptr;
  std::vector<torch::Tensor>* hidden_states = nullptr;  ///< gets what each block reads, (B,T,C)
};

struct T5Decoded {
  torch::Tensor hidden;   ///< (B,T,C)
  torch::Tensor queries;  ///< (B,H,T,K) of the cross-attention that shows alignments; undefined without one
};

class T5StackImpl : public torch::nn::Module {
 public:
  /// `embed_tokens` is another module's parameter.
  T5StackImpl(const T5Config& config, bool decoder, torch::nn::Embedding embed_tokens);

  /// A decoder's tokens see those before them and themselves, an encoder's all. Throws std::invalid_argument where the
  /// inputs do not fit. Shapes: ids (B,T) int64.
  T5Decoded forward(const torch::Tensor& ids, const T5StackInputs& inputs = {});

  /// A decoder's keys and values of the sources, one a layer. Shapes: states (N,S,C), bias undefined or (N,1,1,S).
  std::vector<CrossKvCache> memory(const torch::Tensor& states, const torch::Tensor& bias);
  /// The positions' biases of distances 1 - capacity to 0, with which steps of one token need no more. Shapes:
  /// (H,capacity).
  torch::Tensor cached_biases(std::int64_t capacity) const;
  /// The layer whose cross-attention is closest to a word alignment: the last but one (Garg et al. 2019,
  /// https://arxiv.org/abs/1909.02074, section 4.1).
  std::size_t alignment_layer() const { return block->size() > 1 ? block->size() - 2 : 0; }
  /// What T5Decoded::queries attend to, the mean over the heads. Shapes: (B,T,S).
  torch::Tensor alignment(const torch::Tensor& queries, const std::vector<CrossKvCache>& memory) const;

  /// An encoder then keeps each block's input only, in training, and runs the block again in the backward pass.
  void set_gradient_checkpointing(bool on) { gradient_checkpointing_ = on; }

  torch::nn::ModuleList block{nullptr};
  RmsNorm final_layer_norm{nullptr};

 private:
  /// Shapes: (1,H,T,P), P = past + T.
  torch::Tensor position_bias(std::int64_t past, std::int64_t queries, const torch::Tensor& cached) const;
  const torch::Tensor& biases_table() const { return first_->self_attention->relative_attention_bias->weight; }

  torch::nn::Embedding embed_tokens_{nullptr};
  T5BlockImpl* first_ = nullptr;  ///< of block
  DistanceBuckets buckets_;
  bool decoder_, gradient_checkpointing_ = false;
  double dropout_;
};
TORCH_MODULE(T5Stack);

}  // namespace langzoo
