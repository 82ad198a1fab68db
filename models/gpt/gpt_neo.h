/// GPT-Neo: GPT-2 with layers that see the last tokens only between layers that see all, as GPT-3 has them; its
/// projections to queries, keys and values have no bias and its scores no scale.
///
/// Paper: Brown et al., "Language Models are Few-Shot Learners", 2020, section 2.1, for the alternation of dense and
/// locally banded layers; Child et al., "Generating Long Sequences with Sparse Transformers", 2019, for strided ones.
/// Mirrors transformers' modeling_gpt_neo.py; parameter names are its state-dict names.
///
///     auto model = langzoo::from_pretrained<langzoo::GptNeoForCausalLm>("gpt-neo-125m");
///
/// Letters as in gpt.h; W window.
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

namespace langzoo {

/// What a layer's query sees of the tokens up to its own.
enum class AttentionPattern {
  kGlobal,   ///< all
  kLocal,    ///< the last W
  kStrided,  ///< the last W, and of those before every W-th: the Sparse Transformer's; transformers refuses it
};

/// Hugging Face's config.json of model_type "gpt_neo", key by key; the defaults are transformers'.
struct GptNeoConfig : GptHeadFields {
  /// transformers refuses null for it here.
  GptNeoConfig() { classifier_dropout = 0.1; }

  std::int64_t vocab_size = 50257;
  std::int64_t max_position_embeddings = 2048;
  std::int64_t hidden_size = 2048;
  std::int64_t num_layers = 24;
  std::int64_t num_heads = 16;
  std::vector<RepeatedNames> attention_types = {{{"global", "local"}, 12}};
  std::vector<std::string> attention_layers;  ///< the same, a name a layer; empty: not said
  std::int64_t window_size = 256;
  std::optional<std::int64_t> intermediate_size;  ///< 4 hidden_size when null
  std::string activation_function = "gelu_new";
  double resid_dropout = 0;
  double embed_dropout = 0;
  double attention_dropout = 0;
  double layer_norm_epsilon = 1e-5;
  double initializer_range = 0.02;
  bool tie_word_embeddings = true;
  std::optional<std::int64_t> bos_token_id = 50256;
  std::vector<std::int64_t> eos_token_id = {50256};
  std::optional<std::int64_t> pad_token_id;

  void for_each_field(FieldVisitor& visit);
  void validate() const;

  std::int64_t inner_width() const { return intermediate_size.value_or(4 * hidden_size); }
  /// Of every layer. Throws std::invalid_argument naming attention_types unless it lists num_layers known ones.
  std::vector<AttentionPattern> patterns() const;
};

/// Causal self-attention in one of the patterns.
class GptNeoSelfAttentionImpl : public torch::nn::Module {
 public:
  GptNeoSelfAttentionImpl(const GptNeoConfig& config, AttentionPattern pattern);

  /// `padding` (B,1,1,S) is additive; undefined: there is none. Shapes: x (B,T,C) -> (B,T,C).
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& padding = {}, KvCache* cache = nullptr,
                        AttentionWeights* weights = nullptr);

  Linear k_proj{nullptr}, v_proj{nullptr}, q_proj{nullptr}, out_proj{nullptr};

 private:
  AttentionPattern pattern_;
  std::int64_t heads_, window_;
  double attention_dropout_, resid_dropout_;
};
TORCH_MODULE(GptNeoSelfAttention);

class GptNeoBlockImpl : public torch::nn::Module {
 public:
  GptNeoBlockImpl(const GptNeoConfig& config, AttentionPattern pattern);

  /// Shapes: x (B,T,C) -> (B,T,C); padding as in GptNeoSelfAttention.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& padding = {}, KvCache* cache = nullptr,
                        AttentionWeights* weights = nullptr);

  torch::nn::LayerNorm ln_1{nullptr}, ln_2{nullptr};
  GptNeoSelfAttention attention{nullptr};  ///< registered as attn.attention
  Linear c_fc{nullptr}, c_proj{nullptr};   ///< registered as mlp.c_fc, mlp.c_proj

 private:
  Activation activation_;
  double resid_dropout_;
};
TORCH_MODULE(GptNeoBlock);

/// Embeddings, blocks and the final norm: tokens to hidden states.
class GptNeoModelImpl : public TaskModule<GptNeoModelImpl, GptNeoConfig, GptModel> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Matrices and embeddings N(0, initializer_range^2), biases 0, as transformers does.
  explicit GptNeoModelImpl(const GptNeoConfig& config);

  torch::Tensor forward(const torch::Tensor& ids, const GptInputs& inputs = {}) override;
  const torch::Tensor& word_embeddings() const override { return wte->weight; }
  /// Those of local layers hold a window.
  std::vector<KvCache> caches(std::int64_t capacity) const override;
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return config_.max_position_embeddings; }
  std::int64_t width() const override { return config_.hidden_size; }
  std::int64_t num_layers() const override { return config_.num_layers; }

  torch::nn::Embedding wte{nullptr}, wpe{nullptr};
  torch::nn::ModuleList h{nullptr};
  torch::nn::LayerNorm ln_f{nullptr};
};
TORCH_MODULE(GptNeoModel);

/// For models/gpt/gpt_heads.h.
struct GptNeoFamily : GptFamily<GptNeoConfig, GptNeoModel> {
  static constexpr const char* kName = "gpt_neo";
  static constexpr const char* kLmHead = "ForCausalLM";
  static PretrainedTraits traits(const std::string& task) {
    return gpt_traits("gpt_neo", "GPTNeo", "transformer.wte.weight", task);
  }
};

using GptNeoForCausalLmImpl = GptLmHeadModelImpl<GptNeoFamily>;
using GptNeoForSequenceClassificationImpl = GptForSequenceClassificationImpl<GptNeoFamily>;
using GptNeoForTokenClassificationImpl = ForTokenClassificationImpl<GptNeoFamily>;
using GptNeoForQuestionAnsweringImpl = ForQuestionAnsweringImpl<GptNeoFamily>;
TORCH_MODULE(GptNeoForCausalLm);
TORCH_MODULE(GptNeoForSequenceClassification);
TORCH_MODULE(GptNeoForTokenClassification);
TORCH_MODULE(GptNeoForQuestionAnswering);

}  // namespace langzoo
