#include "models/gpt/gpt.h"

#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/gpt/gpt_fields.h"
#include "models/layers/attention.h"
#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

torch::nn::LayerNorm layer_norm(const Gpt2Config& config) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.n_embd}).eps(config.layer_norm_epsilon));
}

/// Hugging Face's Conv1D: a linear layer whose weight is stored (in,out).
Linear conv1d(std::int64_t in, std::int64_t out) {
  return Linear(in, out, /*with_bias=*/true, WeightLayout::kInOut);
}

/// Radford et al. 2019, section 2.3: the layers that write into the residual stream start smaller by 1/sqrt(N), N being
/// how many of them there are, two a block.
void initialize(torch::nn::Module& model, const Gpt2Config& config) {
  const torch::NoGradGuard no_grad;
  const double residual_std = config.initializer_range / std::sqrt(2.0 * static_cast<double>(config.n_layer));
  for (auto& parameter : model.named_parameters()) {
    const std::string& name = parameter.key();
    if (parameter.value().dim() == 2)
      init_normal(parameter.value(), name.ends_with("c_proj.weight") ? residual_std : config.initializer_range);
    else if (name.ends_with("bias"))
      parameter.value().zero_();
    else
      parameter.value().fill_(1.0);  // the norms' gains
  }
}

}  // namespace

Gpt2Config Gpt2Config::preset(const std::string& name) {
  const auto sized = [](std::int64_t layers, std::int64_t width, std::int64_t heads) {
    Gpt2Config config;
    config.n_layer = layers;
    config.n_embd = width;
    config.n_head = heads;
    return config;
  };
  if (name == "gpt2") return sized(12, 768, 12);
  if (name == "gpt2-medium") return sized(24, 1024, 16);
  if (name == "gpt2-large") return sized(36, 1280, 20);
  if (name == "gpt2-xl") return sized(48, 1600, 25);
  throw std::invalid_argument(
      c10::str("GPT-2 preset \"", name, "\" is not known: use gpt2, gpt2-medium, gpt2-large or gpt2-xl"));
}

void Gpt2Config::for_each_field(FieldVisitor& visit) {
  using namespace gpt_fields;
  visit("vocab_size", vocab_size, vocabulary());
  visit("n_positions", n_positions, size("tokens it takes at once: its context", "max_position_embeddings"));
  visit("n_embd", n_embd, size("width", "hidden_size"));
  visit("n_layer", n_layer, layers("num_hidden_layers"));
  visit("n_head", n_head, size("attention heads, which share the width", "num_attention_heads"));
  visit("n_inner", n_inner, size("width of the feed-forward layers; null: 4 n_embd"));
  visit("activation_function", activation_function, {.help = "of the feed-forward layers"});
  visit("resid_pdrop", resid_pdrop, dropout("dropout of what is added to the residual stream"));
  visit("embd_pdrop", embd_pdrop, dropout("dropout of the embeddings"));
  visit("attn_pdrop", attn_pdrop, dropout("dropout of the attention weights"));
  visit("layer_norm_epsilon", layer_norm_epsilon, {.above = 0, .help = "added to variances"});
  visit("initializer_range", initializer_range, {.least = 0, .help = "standard deviation of new weights"});
  visit("scale_attn_weights", scale_attn_weights, {.help = "divide scores by the root of the head's width"});
  visit("scale_attn_by_inverse_layer_idx", scale_attn_by_inverse_layer_idx,
        {.help = "divide scores by the number of the layer"});
  visit("tie_word_embeddings", tie_word_embeddings, {.help = "the head is the embedding"});
  visit("bos_token_id", bos_token_id, token("begins a text"));
  visit("eos_token_id", eos_token_id, token("ends a text; one token or several", true));
  visit("pad_token_id", pad_token_id, token("fills up"));
  visit_heads(visit);
  visit.constant("add_cross_attention", "false", "this GPT-2 is a decoder alone");
}

void Gpt2Config::validate() const {
  check_fields(*this, "gpt2 config");
  if (n_embd % n_head != 0)
    throw std::invalid_argument(c10::str("gpt2 config: n_embd = ", n_embd, " must be a multiple of n_head = ", n_head));
  check_activation("gpt2 config", "activation_function", activation_function);
  labels.validate("gpt2 config");
}

Gpt2AttentionImpl::Gpt2AttentionImpl(const Gpt2Config& config, std::int64_t layer)
    : heads_(config.n_head),
      scale_(config.scale_attn_weights ? 1.0 / std::sqrt(static_cast<double>(config.head_width())) : 1.0),
      attn_dropout_(config.attn_pdrop),
      resid_dropout_(config.resid_pdrop) {
  if (config.scale_attn_by_inverse_layer_idx) scale_ /= static_cast<double>(layer + 1);
  c_attn = register_module("c_attn", conv1d(config.n_embd, 3 * config.n_embd));
  c_proj = register_module("c_proj", conv1d(config.n_embd, config.n_embd));
}

torch::Tensor Gpt2AttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& bias, KvCache* cache,
                                         AttentionWeights* weights) {
  const auto qkv = c_attn(x).chunk(3, -1);  // 3 of (B,T,C)
  const auto split_heads = [&](const torch::Tensor& y) { return y.unflatten(-1, {heads_, -1}).transpose(1, 2); };
  const auto q = split_heads(qkv[0]);  // (B,H,T,K)
  auto k = split_heads(qkv[1]), v = split_heads(qkv[2]);
  if (cache) std::tie(k, v) = cache->append(k, v);  // (B,H,S,K)

  const double dropout = is_training() ? attn_dropout_ : 0.0;
  const auto attended = attend(q, k, v,
                               {.bias = bias,
                                .dropout = dropout,
                                .scale = scale_,
                                .causal = !bias.defined(),
                                .want_weights = weights != nullptr});
  if (weights) weights->add(attended.weights);
  const auto heads = attended.output.transpose(1, 2).flatten(2);  // (B,T,C)
  return dropped(c_proj(heads), resid_dropout_, is_training());
}

Gpt2MlpImpl::Gpt2MlpImpl(const Gpt2Config& config)
    : activation_(activation_from_name(config.activation_function)), dropout_(config.resid_pdrop) {
  c_fc = register_module("c_fc", conv1d(config.n_embd, config.inner_width()));
  c_proj = register_module("c_proj", conv1d(config.inner_width(), config.n_embd));
}

torch::Tensor Gpt2MlpImpl::forward(const torch::Tensor& x) {
  return dropped(c_proj(activate(c_fc(x), activation_)), dropout_, is_training());
}

Gpt2BlockImpl::Gpt2BlockImpl(const Gpt2Config& config, std::int64_t layer) {
  ln_1 = register_module("ln_1", layer_norm(config));
  attn = register_module("attn", Gpt2Attention(config, layer));
  ln_2 = register_module("ln_2", layer_norm(config));
  mlp = register_module("mlp", Gpt2Mlp(config));
}

torch::Tensor Gpt2BlockImpl::forward(const torch::Tensor& x0, const torch::Tensor& bias, KvCache* cache,
                                     AttentionWeights* weights) {
  const auto x = x0 + attn(ln_1(x0), bias, cache, weights);
  return x + mlp(ln_2(x));
}

const PretrainedTraits& Gpt2ModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = Gpt2Family::traits("Model");
  return traits;
}

Gpt2ModelImpl::Gpt2ModelImpl(const Gpt2Config& config) : TaskModule(config) {
  config.validate();
  {
    const SkipInit filled_below;
    wte = register_module("wte", unfilled_embedding(config.vocab_size, config.n_embd));
    wpe = register_module("wpe", unfilled_embedding(config.n_positions, config.n_embd));
    h = register_module("h", torch::nn::ModuleList());
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) h->push_back(Gpt2Block(config, layer));
    ln_f = register_module("ln_f", layer_norm(config));
  }
  if (!SkipInit::active()) initialize(*this, config);
}

torch::Tensor Gpt2ModelImpl::forward(const torch::Tensor& ids, const GptInputs& inputs) {
  const GptPlaces places("gpt2", ids, inputs, config_.n_layer, wpe->weight);
  const auto x = dropped(wte(ids) + places.positions, config_.embd_pdrop, is_training());  // (B,T,C)
  return ln_f(
      through_blocks<Gpt2BlockImpl>(*h, x, places.causal_bias(), inputs, gradient_checkpointing && is_training()));
}

}  // namespace langzoo
