/// The Transformer: an encoder of self-attention layers reads the source, a decoder writes the target token by token,
/// each of its layers attending to what is written so far and to what the encoder made of the source. Its ancestors,
/// the recurrent encoder-decoders, have one such attention and a state that passes from token to token.
///
/// Paper: Vaswani et al., "Attention Is All You Need", 2017. Mirrors transformers' modeling_marian.py (MarianMTModel
/// and below), which is the paper's model; parameter names are its state-dict names. TransformerConfig says what can
/// differ.
///
///     auto model = langzoo::from_pretrained<langzoo::MarianMtModel>("opus-mt-en-de");
///     auto logits = model->forward(source, source_lengths, decoder_input);
///
/// Encoder and decoder are blocks of their own: a decoder without cross-attention is a language model's.
///
/// Letters: B batch, S source tokens, T target tokens given now, P target tokens so far, C width (d_model), H heads,
/// K = C/H head width, F feed-forward width, V target vocabulary.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include "models/encoder_decoder.h"
#include "models/layers/activations.h"
#include "models/layers/attention_weights.h"
#include "models/layers/cross_kv_cache.h"
#include "models/layers/kv_cache.h"
#include "models/layers/linear.h"
#include "models/layers/packed.h"
#include "models/layers/positions.h"
#include "models/task_module.h"
#include "models/transformer/transformer_config.h"

namespace langzoo {

/// How the tokens of a pass lie: as padded rows (B,T), or packed ones (1,N) (packed.h).
struct TransformerRows {
  torch::Tensor bias = {};               ///< of padded rows: undefined or broadcastable to (B,H,T,P)
  torch::Tensor cu_seqlens = {};         ///< of packed rows
  torch::Tensor source_cu_seqlens = {};  ///< of the packed rows that cross-attention reads
  /// Where they are wanted, get the weights of self-attention and of cross-attention, layer by layer.
  AttentionWeights *self_weights = nullptr, *cross_weights = nullptr;
};

/// Multi-head attention (equation of section 3.2.2).
class TransformerAttentionImpl : public torch::nn::Module {
 public:
  TransformerAttentionImpl(std::int64_t width, std::int64_t heads, double dropout);

  /// Self-attention. With `cache`, x are the newest tokens. Shapes: x (B,T,C) -> (B,T,C).
  torch::Tensor forward(const torch::Tensor& x, const TransformerRows& rows, bool causal, KvCache* cache = nullptr);

  // Cross-attention, whose parts a decoder uses at different times.
  /// What queries are compared with. Shapes: states (N,S,C), bias undefined or (N,1,1,S).
  CrossKvCache memory(const torch::Tensor& states, const torch::Tensor& bias);
  /// Shapes: x (B,T,C) -> (B,H,T,K).
  torch::Tensor queries(const torch::Tensor& x);
  /// Shapes: queries (B,H,T,K) -> (B,T,C).
  torch::Tensor read(const torch::Tensor& queries, const CrossKvCache& memory, const TransformerRows& rows);

  Linear k_proj{nullptr}, v_proj{nullptr}, q_proj{nullptr}, out_proj{nullptr};

 private:
  torch::Tensor split_heads(const torch::Tensor& x) const { return x.unflatten(-1, {heads_, -1}).transpose(1, 2); }
  torch::Tensor join_heads(const torch::Tensor& heads) { return out_proj(heads.transpose(1, 2).flatten(2)); }
  double dropout() const { return is_training() ? dropout_ : 0.0; }

  std::int64_t heads_;
  double dropout_;
};
TORCH_MODULE(TransformerAttention);

/// What the layers of both sides have: a feed-forward network, and how a part joins the residual stream.
class TransformerLayerImpl : public torch::nn::Module {
 public:
  Linear fc1{nullptr}, fc2{nullptr};
  Linear fc_gate{nullptr};  ///< gated_feed_forward
  TransformerAttention self_attn{nullptr};
  torch::nn::LayerNorm self_attn_layer_norm{nullptr}, final_layer_norm{nullptr};

 protected:
  TransformerLayerImpl(const TransformerConfig& config, std::int64_t heads, std::int64_t ffn_dim);

  torch::Tensor feed_forward(const torch::Tensor& x);
  /// LayerNorm(x + part(x)), or x + part(LayerNorm(x)).
  template <class Part>
  torch::Tensor add(const torch::Tensor& x, torch::nn::LayerNorm& norm, const Part& part);

 private:
  Activation activation_;
  double dropout_, activation_dropout_;
  bool normalize_before_;
};

class TransformerEncoderLayerImpl : public TransformerLayerImpl {
 public:
  explicit TransformerEncoderLayerImpl(const TransformerConfig& config);

  /// Shapes: x (B,S,C) -> (B,S,C).
  torch::Tensor forward(const torch::Tensor& x, const TransformerRows& rows);
};
TORCH_MODULE(TransformerEncoderLayer);

class TransformerDecoderLayerImpl : public TransformerLayerImpl {
 public:
  TransformerDecoderLayerImpl(const TransformerConfig& config, bool cross_attention);

  /// `queries` becomes what the cross-attention asked with, (B,H,T,K). Shapes: x (B,T,C) -> (B,T,C).
  torch::Tensor forward(const torch::Tensor& x, const TransformerRows& rows, KvCache* cache, const CrossKvCache* memory,
                        torch::Tensor& queries);

  TransformerAttention encoder_attn{nullptr};  ///< none in a decoder alone
  torch::nn::LayerNorm encoder_attn_layer_norm{nullptr};
};
TORCH_MODULE(TransformerDecoderLayer);

/// What both sides have: embeddings, layers and, of pre-norm layers, a last norm.
class TransformerStackImpl : public torch::nn::Module {
 public:
  torch::nn::Embedding embed_tokens{nullptr};     ///< registered only when its own
  torch::nn::Embedding embed_positions{nullptr};  ///< learned ones
  torch::nn::ModuleList layers{nullptr};
  torch::nn::LayerNorm layer_norm{nullptr};  ///< normalize_before

  const TransformerConfig& config() const { return config_; }

 protected:
  TransformerStackImpl(const TransformerConfig& config, std::int64_t vocab_size, torch::nn::Embedding shared);

  /// Tokens and their places, counted from `past` on or, where `mask` is defined, from its first token. Shapes: ids
  /// (B,T), mask (B, past + T) -> (B,T,C).
  torch::Tensor embed(const torch::Tensor& ids, std::int64_t past, const torch::Tensor& mask) const;
  /// Of `rows` alone, whose padding is on the right. Shapes: ids (B,T) -> (1,N,C).
  torch::Tensor embed(const torch::Tensor& ids, const PackedRows& rows) const;
  /// Whether training leaves out this layer, this time.
  bool drops_layer(double share) const;

 private:
  void require_positions(const torch::Tensor& ids, std::int64_t seen) const;
  /// Of that many places at least. Shapes: -> (P,C).
  torch::Tensor position_table(std::int64_t seen) const;
  torch::Tensor add_positions(const torch::Tensor& ids, const torch::Tensor& positions) const;

  TransformerConfig config_;
  std::shared_ptr<SinusoidTable> sinusoids_;  ///< where positions are not learned
};

class TransformerEncoderImpl : public TransformerStackImpl {
 public:
  /// Alone it is initialised as TransformerConfig says; without `shared` its embedding is its own.
  explicit TransformerEncoderImpl(const TransformerConfig& config, torch::nn::Embedding shared = nullptr);

  /// Neither padding nor the other rows change a row's states. Shapes: ids (B,S) int64, bias undefined or (B,1,1,S) 0
  /// on tokens and -inf on padding -> (B,S,C).
  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& bias = {}, AttentionWeights* weights = nullptr);
  /// The same states, of tokens alone. Shapes: ids (B,S), padded on the right -> (1,N,C).
  torch::Tensor forward_packed(const torch::Tensor& ids, const PackedRows& rows);

 private:
  torch::Tensor encode(torch::Tensor x, const TransformerRows& rows);
};
TORCH_MODULE(TransformerEncoder);

/// One pass of a decoder beyond its ids. nullptr and undefined tensors stand for "no".
struct TransformerDecoderInputs {
  const std::vector<CrossKvCache>* memory = nullptr;  ///< one a layer: what the encoder made of the sources
  std::vector<KvCache>* caches = nullptr;             ///< one a layer; this call's tokens are appended
  torch::Tensor attention_mask = {};                  ///< (B,P) 1 for tokens, 0 for padding on the left
  /// Both or neither: only these tokens of ids, which are padded on the right, and sources of packed rows. Shapes of
  /// what is decoded then begin with (1,N).
  const PackedRows *rows = nullptr, *sources = nullptr;
  AttentionWeights *self_attentions = nullptr, *cross_attentions = nullptr;  ///< get those of every layer
  torch::Tensor* embedded = nullptr;  ///< gets what the lowest layer reads, (B,T,C)
};

struct TransformerDecoded {
  torch::Tensor hidden;   ///< (B,T,C)
  torch::Tensor queries;  ///< (B,H,T,K) of the cross-attention that shows alignments; undefined without one
};

class TransformerDecoderImpl : public TransformerStackImpl {
 public:
  /// Without `cross_attention` it is a decoder alone.
  explicit TransformerDecoderImpl(const TransformerConfig& config, torch::nn::Embedding shared = nullptr,
                                  bool cross_attention = true);

  /// Every token sees those before it and itself. Throws std::invalid_argument when P exceeds
  /// max_position_embeddings or the inputs do not fit. Shapes: ids (B,T) int64.
  TransformerDecoded forward(const torch::Tensor& ids, const TransformerDecoderInputs& inputs = {});

  /// The cross-attention's keys and values, one a layer. Shapes: states (N,S,C), bias undefined or (N,1,1,S).
  std::vector<CrossKvCache> memory(const torch::Tensor& states, const torch::Tensor& bias);
  /// The layer whose cross-attention is closest to a word alignment: the last but one (Garg et al. 2019,
  /// https://arxiv.org/abs/1909.02074, section 4.1).
  std::size_t alignment_layer() const { return layers->size() > 1 ? layers->size() - 2 : 0; }
  /// What TransformerDecoded::queries attend to, the mean over the heads. Shapes: (B,T,S).
  torch::Tensor alignment(const torch::Tensor& queries, const std::vector<CrossKvCache>& memory) const;
};
TORCH_MODULE(TransformerDecoder);

/// Encoder and decoder with their embeddings; transformers' MarianModel.
class TransformerModelImpl : public torch::nn::Module {
 public:
  explicit TransformerModelImpl(const TransformerConfig& config);

  torch::nn::Embedding shared{nullptr};  ///< share_encoder_decoder_embeddings
  TransformerEncoder encoder{nullptr};
  TransformerDecoder decoder{nullptr};
};
TORCH_MODULE(TransformerModel);

/// The translation model: the hidden states' products with the softmax's matrix, and a bias that is no parameter.
class TransformerMtModelImpl : public TaskModule<TransformerMtModelImpl, TransformerConfig, EncoderDecoder> {
 public:
  /// Of model_type "transformer".
  static const PretrainedTraits& pretrained_traits();

  /// Initialised as config.initializer says, from torch's default generator. Throws std::invalid_argument.
  explicit TransformerMtModelImpl(const TransformerConfig& config);

  /// Next-token logits after every token of decoder_input. Sources are padded on the right. Throws
  /// std::invalid_argument where shapes do not fit or a side is longer than max_position_embeddings.
  /// Shapes: source (B,S), source_lengths (B) in [1,S], decoder_input (B,T), all int64 -> (B,T,V).
  torch::Tensor forward(const torch::Tensor& source, const torch::Tensor& source_lengths,
                        const torch::Tensor& decoder_input);
  LabelStates label_states(const torch::Tensor& source, const torch::Tensor& source_lengths,
                           const torch::Tensor& decoder_input, const torch::Tensor& labels) override;

  /// What the decoder reads of the sources. Shapes: source (B,S), source_lengths (B).
  std::vector<CrossKvCache> encode(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                   AttentionWeights* weights = nullptr);
  /// Shapes: hidden (...,C) -> (...,V).
  torch::Tensor logits(const torch::Tensor& hidden) { return lm_head(hidden) + final_logits_bias.squeeze(0); }

  /// Writes config.json, of model_type "marian" or, where that cannot express the config, "transformer", and
  /// model.safetensors. Python's MarianMTModel.from_pretrained opens the former.
  void save_pretrained(const std::filesystem::path& dir) const override;

  std::int64_t source_vocab_size() const override { return config_.vocab_size; }
  std::int64_t target_vocab_size() const override { return config_.target_vocab_size(); }
  std::int32_t start_token() const override { return static_cast<std::int32_t>(config_.decoder_start_token_id); }
  std::optional<std::int32_t> end_token() const override;
  std::vector<std::int32_t> end_tokens() const override { return token_ids(config_.eos_token_id); }
  std::int64_t max_positions() const override { return config_.max_position_embeddings; }
  std::unique_ptr<StepFunction> start(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                      std::int64_t capacity) override;
  torch::Tensor attention(const torch::Tensor& source, const torch::Tensor& source_lengths,
                          const torch::Tensor& decoder_input) override;
  std::vector<AttentionWeights> attentions(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                           const torch::Tensor& decoder_input, std::int64_t most) override;

  TransformerModel model{nullptr};
  Linear lm_head{nullptr};          ///< its weight is the target's embedding itself when tied
  torch::Tensor final_logits_bias;  ///< (1,V), a buffer

 private:
  TransformerDecoded decode(const torch::Tensor& source, const torch::Tensor& source_lengths,
                            const torch::Tensor& decoder_input, std::vector<CrossKvCache>& memory);
  torch::Tensor decode_packed(const torch::Tensor& source, const torch::Tensor& source_lengths,
                              const torch::Tensor& decoder_input, const PackedRows& targets);
};
TORCH_MODULE(TransformerMtModel);

/// The same where it is MarianMTModel: that of folders of model_type "marian".
class MarianMtModelImpl : public TransformerMtModelImpl {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Throws std::invalid_argument for a config that is not is_marian().
  explicit MarianMtModelImpl(const TransformerConfig& config);
};
TORCH_MODULE(MarianMtModel);

}  // namespace langzoo
