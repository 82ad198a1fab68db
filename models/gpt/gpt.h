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
#include <optional>
#include <string>
#include <vector>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include "models/gpt/gpt_heads.h"
#include "models/gpt/gpt_stack.h"
#include "models/layers/activations.h"
#include "models/layers/linear.h"
#include "models/task_module.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "gpt2", key by key; the defaults are the 124M model "gpt2".
struct Gpt2Config : GptHeadFields {
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
class Gpt2ModelImpl : public TaskModule<Gpt2ModelImpl, Gpt2Config, GptModel> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Initialised as the paper and transformers do: matrices and embeddings N(0, initializer_range^2), the projections
  /// that end in the residual stream scaled by 1/sqrt(2L), biases 0. Draws from torch's default generator.
  explicit Gpt2ModelImpl(const Gpt2Config& config);

  torch::Tensor forward(const torch::Tensor& ids, const GptInputs& inputs = {}) override;
  const torch::Tensor& word_embeddings() const override { return wte->weight; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return config_.n_positions; }
  std::int64_t width() const override { return config_.n_embd; }
  std::int64_t num_layers() const override { return config_.n_layer; }

  torch::nn::Embedding wte{nullptr}, wpe{nullptr};
  torch::nn::ModuleList h{nullptr};
  torch::nn::LayerNorm ln_f{nullptr};
};
TORCH_MODULE(Gpt2Model);

/// For models/gpt/gpt_heads.h.
struct Gpt2Family : GptFamily<Gpt2Config, Gpt2Model> {
  static constexpr const char* kName = "gpt2";
  static constexpr const char* kLmHead = "LMHeadModel";
  static PretrainedTraits traits(const std::string& task) {
    return gpt_traits("gpt2", "GPT2", "transformer.wte.weight", task);
  }
};

using Gpt2LmHeadModelImpl = GptLmHeadModelImpl<Gpt2Family>;
using Gpt2ForSequenceClassificationImpl = GptForSequenceClassificationImpl<Gpt2Family>;
using Gpt2ForTokenClassificationImpl = ForTokenClassificationImpl<Gpt2Family>;
using Gpt2ForQuestionAnsweringImpl = ForQuestionAnsweringImpl<Gpt2Family>;
using Gpt2DoubleHeadsModelImpl = GptDoubleHeadsModelImpl<Gpt2Family>;
TORCH_MODULE(Gpt2LmHeadModel);
TORCH_MODULE(Gpt2ForSequenceClassification);
TORCH_MODULE(Gpt2ForTokenClassification);
TORCH_MODULE(Gpt2ForQuestionAnswering);
TORCH_MODULE(Gpt2DoubleHeadsModel);

}  // namespace langzoo
