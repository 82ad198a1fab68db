#include "models/gpt/openai_gpt.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/gpt/gpt_fields.h"
#include "models/layers/dropout.h"
#include "third_party/torch.h"

namespace langzoo {

void OpenAiGptConfig::for_each_field(FieldVisitor& visit) {
  using namespace gpt_fields;
  visit("vocab_size", vocab_size, vocabulary());
  visit("n_positions", n_positions, size("tokens it takes at once: its context", "max_position_embeddings"));
  visit("n_embd", n_embd, size("width", "hidden_size"));
  visit("n_layer", n_layer, layers("num_hidden_layers"));
  visit("n_head", n_head, size("attention heads, which share the width", "num_attention_heads"));
  visit("afn", afn, {.choices = {"relu", "silu", "gelu", "swish"}, .help = "activation; gelu is its tanh form"});
  visit("resid_pdrop", resid_pdrop, dropout("dropout of what is added to the residual stream"));
  visit("embd_pdrop", embd_pdrop, dropout("dropout of the embeddings"));
  visit("attn_pdrop", attn_pdrop, dropout("dropout of the attention weights"));
  visit("layer_norm_epsilon", layer_norm_epsilon, {.above = 0, .help = "added to variances"});
  visit("initializer_range", initializer_range, {.least = 0, .help = "standard deviation of new weights"});
  visit("tie_word_embeddings", tie_word_embeddings, {.help = "the head is the embedding"});
  visit("bos_token_id", bos_token_id, token("begins a text"));
  visit("eos_token_id", eos_token_id, token("ends a text; one token or several", true));
  visit("pad_token_id", pad_token_id, token("fills up"));
  visit_heads(visit);
}

void OpenAiGptConfig::validate() const {
  check_fields(*this, "openai-gpt config");
  if (n_embd % n_head != 0)
    throw std::invalid_argument(
        c10::str("openai-gpt config: n_embd = ", n_embd, " must be a multiple of n_head = ", n_head));
  labels.validate("openai-gpt config");
}

Gpt2Config OpenAiGptConfig::layer() const {
  Gpt2Config layer;
  layer.n_embd = n_embd;
  layer.n_head = n_head;
  layer.activation_function = afn == "gelu" ? "gelu_new" : afn;
  layer.resid_pdrop = resid_pdrop;
  layer.attn_pdrop = attn_pdrop;
  return layer;
}

OpenAiGptBlockImpl::OpenAiGptBlockImpl(const OpenAiGptConfig& config) {
  const auto norm = torch::nn::LayerNormOptions({config.n_embd}).eps(config.layer_norm_epsilon);
  attn = register_module("attn", Gpt2Attention(config.layer(), /*layer=*/0));
  ln_1 = register_module("ln_1", torch::nn::LayerNorm(norm));
  mlp = register_module("mlp", Gpt2Mlp(config.layer()));
  ln_2 = register_module("ln_2", torch::nn::LayerNorm(norm));
}

torch::Tensor OpenAiGptBlockImpl::forward(const torch::Tensor& x, const torch::Tensor& bias, KvCache* cache,
                                          AttentionWeights* weights) {
  const auto n = ln_1(x + attn(x, bias, cache, weights));
  return ln_2(n + mlp(n));
}

const PretrainedTraits& OpenAiGptModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = OpenAiGptFamily::traits("Model");
  return traits;
}

OpenAiGptModelImpl::OpenAiGptModelImpl(const OpenAiGptConfig& config) : TaskModule(config) {
  config.validate();
  {
    const SkipInit filled_below;
    tokens_embed = register_module("tokens_embed", unfilled_embedding(config.vocab_size, config.n_embd));
    positions_embed = register_module("positions_embed", unfilled_embedding(config.n_positions, config.n_embd));
    h = register_module("h", torch::nn::ModuleList());
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) h->push_back(OpenAiGptBlock(config));
  }
  if (!SkipInit::active()) init_encoder(*this, config.initializer_range, {});
}

torch::Tensor OpenAiGptModelImpl::forward(const torch::Tensor& ids, const GptInputs& inputs) {
  const GptPlaces places("openai-gpt", ids, inputs, config_.n_layer, positions_embed->weight);
  const auto x = dropped(tokens_embed(ids) + places.positions, config_.embd_pdrop, is_training());  // (B,T,C)
  return through_blocks<OpenAiGptBlockImpl>(*h, x, places.causal_bias(), inputs,
                                            gradient_checkpointing && is_training());
}

}  // namespace langzoo
