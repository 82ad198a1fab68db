/// GPT, the first one: GPT-2's ancestor, which normalises after each attention and each feed-forward layer and has no
/// norm at the end. The paper's program keeps tokens and positions in one table; transformers has two.
///
/// Paper: Radford et al., "Improving Language Understanding by Generative Pre-Training", 2018.
/// Mirrors transformers' modeling_openai.py; parameter names are its state-dict names.
///
///     auto model = langzoo::from_pretrained<langzoo::OpenAiGptLmHeadModel>("openai-gpt");
///
/// Letters as in gpt.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include "models/gpt/gpt.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "openai-gpt", key by key; the defaults are the published model's.
struct OpenAiGptConfig : GptHeadFields {
  std::int64_t vocab_size = 40478;
  std::int64_t n_positions = 512;
  std::int64_t n_embd = 768;
  std::int64_t n_layer = 12;
  std::int64_t n_head = 12;
  std::string afn = "gelu";  ///< relu, silu (swish) or gelu, which is the tanh form
  double resid_pdrop = 0.1;
  double embd_pdrop = 0.1;
  double attn_pdrop = 0.1;
  double layer_norm_epsilon = 1e-5;
  double initializer_range = 0.02;
  bool tie_word_embeddings = true;
  std::optional<std::int64_t> bos_token_id, pad_token_id;
  std::vector<std::int64_t> eos_token_id;

  void for_each_field(FieldVisitor& visit);
  void validate() const;

  /// Of its attention and feed-forward layers, which are GPT-2's.
  Gpt2Config layer() const;
};

class OpenAiGptBlockImpl : public torch::nn::Module {
 public:
  explicit OpenAiGptBlockImpl(const OpenAiGptConfig& config);

  /// Shapes: x (B,T,C) -> (B,T,C); bias as in Gpt2Attention.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& bias = {}, KvCache* cache = nullptr,
                        AttentionWeights* weights = nullptr);

  Gpt2Attention attn{nullptr};
  torch::nn::LayerNorm ln_1{nullptr}, ln_2{nullptr};
  Gpt2Mlp mlp{nullptr};
};
TORCH_MODULE(OpenAiGptBlock);

/// Embeddings and blocks: tokens to hidden states.
class OpenAiGptModelImpl : public TaskModule<OpenAiGptModelImpl, OpenAiGptConfig, GptModel> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Matrices and embeddings N(0, initializer_range^2), biases 0; the paper, section 4.1.
  explicit OpenAiGptModelImpl(const OpenAiGptConfig& config);

  torch::Tensor forward(const torch::Tensor& ids, const GptInputs& inputs = {}) override;
  const torch::Tensor& word_embeddings() const override { return tokens_embed->weight; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return config_.n_positions; }
  std::int64_t width() const override { return config_.n_embd; }
  std::int64_t num_layers() const override { return config_.n_layer; }

  torch::nn::Embedding tokens_embed{nullptr}, positions_embed{nullptr};
  torch::nn::ModuleList h{nullptr};

 protected:
  const char* embeddings_pattern() const override { return "*s_embed.weight"; }
};
TORCH_MODULE(OpenAiGptModel);

/// For models/gpt/gpt_heads.h.
struct OpenAiGptFamily : GptFamily<OpenAiGptConfig, OpenAiGptModel> {
  static constexpr const char* kName = "openai-gpt";
  static constexpr const char* kLmHead = "LMHeadModel";
  static PretrainedTraits traits(const std::string& task) {
    return gpt_traits("openai-gpt", "OpenAIGPT", "transformer.tokens_embed.weight", task);
  }
};

using OpenAiGptLmHeadModelImpl = GptLmHeadModelImpl<OpenAiGptFamily>;
using OpenAiGptForSequenceClassificationImpl = GptForSequenceClassificationImpl<OpenAiGptFamily>;
using OpenAiGptDoubleHeadsModelImpl = GptDoubleHeadsModelImpl<OpenAiGptFamily>;
TORCH_MODULE(OpenAiGptLmHeadModel);
TORCH_MODULE(OpenAiGptForSequenceClassification);
TORCH_MODULE(OpenAiGptDoubleHeadsModel);

}  // namespace langzoo
