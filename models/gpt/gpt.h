/// GPT-2: a decoder-only transformer with layer norms before each block (and one after the last), learned positions and
/// an output head that shares the token embedding. Its ancestor GPT normalises after each block and has no final norm.
///
/// Paper: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
/// Mirrors transformers' modeling_gpt2.py (GPT2LMHeadModel and below); parameter names are its state-dict names.
///
///     langzoo-gpt train --data microworld --out run      # then: langzoo-gpt generate --model run --prompt "Mary "
///
///     auto m = langzoo::from_pretrained<langzoo::Gpt2LmHeadModel>("run");
///     auto logits = m->forward(ids).logits;
///
/// Letters: B batch, T tokens given now, S tokens seen so far (the given ones included), C width (n_embd), H heads,
/// K = C/H head width, F feed-forward width (n_inner), V vocabulary, L layers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include "models/causal_lm.h"
#include "models/layers/activations.h"
#include "models/layers/attention_weights.h"
#include "models/layers/kv_cache.h"
#include "models/layers/linear.h"
#include "models/task_module.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "gpt2", key by key; the defaults are the 124M model "gpt2".
struct Gpt2Config {
  std::int64_t vocab_size = 50257;
  std::int64_t n_positions = 1024;
  std::int64_t n_embd = 768;
  std::int64_t n_layer = 12;
  std::int64_t n_head = 12;
  std::optional<std::int64_t> n_inner;  ///< 4 n_embd when null
  std::string activation_function = "gelu_new";
  double resid_pdrop = 0.1;
  double embd_pdrop = 0.1;
  double attn_pdrop = 0.1;
  double layer_norm_epsilon = 1e-5;
  double initializer_range = 0.02;
  bool scale_attn_weights = true;                ///< scores / sqrt(K)
  bool scale_attn_by_inverse_layer_idx = false;  ///< scores of layer i (from 0) / (i + 1)
  bool tie_word_embeddings = true;
  std::optional<std::int64_t> bos_token_id = 50256;
  std::vector<std::int64_t> eos_token_id = {50256};  ///< any of these
  std::optional<std::int64_t> pad_token_id;

  void for_each_field(FieldVisitor& visit);

  /// "gpt2" (124M), "gpt2-medium" (355M), "gpt2-large" (774M) or "gpt2-xl" (1.5B); std::invalid_argument for others.
  static Gpt2Config preset(const std::string& name);

  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;

  std::int64_t inner_width() const { return n_inner.value_or(4 * n_embd); }
  std::int64_t head_width() const { return n_embd / n_head; }
};

/// One forward pass beyond plain ids. Undefined tensors and nullptr stand for "no".
struct Gpt2Inputs {
  torch::Tensor attention_mask = {};       ///< (B,S) 1 for tokens, 0 for padding, cached tokens included
  torch::Tensor position_ids = {};         ///< (B,T) int64; by default counted from the mask, padding at 0
  std::vector<KvCache>* caches = nullptr;  ///< one a layer, filled by earlier calls; this call's tokens are appended
  AttentionWeights* attentions = nullptr;  ///< gets those of every layer
};

struct CausalLmOutput {
  torch::Tensor logits;  ///< (B,T,V)
  torch::Tensor hidden;  ///< (B,T,C) after the final norm
};

/// Causal multi-head self-attention with one projection for queries, keys and values.
class Gpt2AttentionImpl : public torch::nn::Module {
 public:
  Gpt2AttentionImpl(const Gpt2Config& config, std::int64_t layer);

  /// Shapes: x (B,T,C), bias undefined (then causal) or broadcastable to (B,H,T,S) -> (B,T,C).
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& bias = {}, KvCache* cache = nullptr,
                        AttentionWeights* weights = nullptr);

  Linear c_attn{nullptr}, c_proj{nullptr};

 private:
  std::int64_t heads_;
  double scale_, attn_dropout_, resid_dropout_;
};
TORCH_MODULE(Gpt2Attention);

/// The position-wise feed-forward layer, C -> F -> C.
class Gpt2MlpImpl : public torch::nn::Module {
 public:
  explicit Gpt2MlpImpl(const Gpt2Config& config);

  /// Shapes: x (B,T,C) -> (B,T,C).
  torch::Tensor forward(const torch::Tensor& x);

  Linear c_fc{nullptr}, c_proj{nullptr};

 private:
  Activation activation_;
  double dropout_;
};
TORCH_MODULE(Gpt2Mlp);

class Gpt2BlockImpl : public torch::nn::Module {
 public:
  Gpt2BlockImpl(const Gpt2Config& config, std::int64_t layer);

  /// Shapes: x (B,T,C) -> (B,T,C); bias as in Gpt2Attention.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& bias = {}, KvCache* cache = nullptr,
                        AttentionWeights* weights = nullptr);

  torch::nn::LayerNorm ln_1{nullptr}, ln_2{nullptr};
  Gpt2Attention attn{nullptr};
  Gpt2Mlp mlp{nullptr};
};
TORCH_MODULE(Gpt2Block);

/// Embeddings, blocks and the final norm: tokens to hidden states.
class Gpt2ModelImpl : public torch::nn::Module {
 public:
  using Config = Gpt2Config;
  static const PretrainedTraits& pretrained_traits();

  /// Initialised as the paper and transformers do: matrices and embeddings N(0, initializer_range^2), the projections
  /// that end in the residual stream scaled by 1/sqrt(2L), biases 0. Draws from torch's default generator.
  explicit Gpt2ModelImpl(const Gpt2Config& config);

  /// Throws std::invalid_argument when S exceeds n_positions or the inputs do not fit the ids.
  /// Shapes: ids (B,T) int64 -> (B,T,C).
  torch::Tensor forward(const torch::Tensor& ids, const Gpt2Inputs& inputs = {});

  torch::nn::Embedding wte{nullptr}, wpe{nullptr};
  torch::nn::ModuleList h{nullptr};
  torch::nn::LayerNorm ln_f{nullptr};

  bool gradient_checkpointing = false;

  const Gpt2Config& config() const { return config_; }

 private:
  Gpt2Config config_;
};
TORCH_MODULE(Gpt2Model);

/// The language model: Gpt2Model and a head of V logits, which is the transposed token embedding when tied.
class Gpt2LmHeadModelImpl : public TaskModule<Gpt2LmHeadModelImpl, Gpt2Config, CausalLm> {
 public:
  /// Initialised as Gpt2Model; a head of its own as its matrices.
  explicit Gpt2LmHeadModelImpl(const Gpt2Config& config);

  /// Next-token logits after every token.
  /// Shapes: ids (B,T) int64 -> logits (B,T,V), hidden (B,T,C).
  CausalLmOutput forward(const torch::Tensor& ids, const Gpt2Inputs& inputs = {});

  /// The cross-entropy of `targets` summed over those that are not -100, a scalar, without holding all logits.
  /// `targets[b][t]` is what follows ids[b][..t]: the caller has shifted them.
  /// Shapes: ids, targets (B,T) int64.
  torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets, const Gpt2Inputs& inputs);

  std::int64_t n_positions() const override { return config_.n_positions; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::vector<std::int32_t> end_tokens() const override;
  torch::Tensor logits(const torch::Tensor& ids) override { return forward(ids).logits; }
  torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) override {
    return loss_sum(ids, targets, {});
  }
  std::unique_ptr<StepFunction> start(const torch::Tensor& mask, std::int64_t capacity) override;
  AttentionWeights attentions(const torch::Tensor& ids, std::int64_t most) override;

  /// Keeps each block's input only and runs the block again in the backward pass. Does not change results.
  void set_gradient_checkpointing(bool on) { transformer->gradient_checkpointing = on; }

  static const PretrainedTraits& pretrained_traits();

  void train(bool on = true) override;

  Gpt2Model transformer{nullptr};
  Linear lm_head{nullptr};  ///< registered only when not tied; else its weight is transformer.wte.weight itself
};
TORCH_MODULE(Gpt2LmHeadModel);

}  // namespace langzoo
