#include "models/gpt/gpt_neo.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/gpt/gpt_fields.h"
#include "models/layers/attention.h"
#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "models/layers/masks.h"
#include "models/layers/nested.h"
#include "third_party/torch.h"

namespace langzoo {

void GptNeoConfig::for_each_field(FieldVisitor& visit) {
  using namespace gpt_fields;
  visit("vocab_size", vocab_size, vocabulary());
  visit("max_position_embeddings", max_position_embeddings, size("tokens it takes at once: its context"));
  visit("hidden_size", hidden_size, size("width"));
  visit("num_layers", num_layers, layers("num_hidden_layers"));
  visit("num_heads", num_heads, size("attention heads, which share the width", "num_attention_heads"));
  visit("attention_types", attention_types,
        {.help = "what the layers see, in order: [[[\"global\", \"local\"], 6]] is both in turn, six times; strided "
                 "is the Sparse Transformer's"});
  visit("attention_layers", attention_layers, {.derived = true});
  visit("window_size", window_size, size("tokens that a local layer sees"));
  visit("intermediate_size", intermediate_size, size("width of the feed-forward layers; null: 4 hidden_size"));
  visit("activation_function", activation_function, {.help = "of the feed-forward layers"});
  visit("resid_dropout", resid_dropout, dropout("dropout of what is added to the residual stream"));
  visit("embed_dropout", embed_dropout, dropout("dropout of the embeddings"));
  visit("attention_dropout", attention_dropout, dropout("dropout of the attention weights"));
  visit("layer_norm_epsilon", layer_norm_epsilon, {.above = 0, .help = "added to variances"});
  visit("initializer_range", initializer_range, {.least = 0, .help = "standard deviation of new weights"});
  visit("tie_word_embeddings", tie_word_embeddings, {.help = "the head is the embedding"});
  visit("bos_token_id", bos_token_id, token("begins a text"));
  visit("eos_token_id", eos_token_id, token("ends a text; one token or several", true));
  visit("pad_token_id", pad_token_id, token("fills up"));
  visit_heads(visit);
}

namespace {

AttentionPattern pattern_from_name(const std::string& name) {
  if (name == "global") return AttentionPattern::kGlobal;
  if (name == "local") return AttentionPattern::kLocal;
  if (name == "strided") return AttentionPattern::kStrided;
  throw std::invalid_argument(
      c10::str("gpt_neo config: attention_types: \"", name, "\" is not known: use global, local or strided"));
}

}  // namespace

std::vector<AttentionPattern> GptNeoConfig::patterns() const {
  std::vector<std::string> listed;
  for (const auto& [names, times] : attention_types) {
    for (std::int64_t time = 0; time < times && std::ssize(listed) <= num_layers; ++time)
      listed.insert(listed.end(), names.begin(), names.end());
  }
  if (std::ssize(listed) != num_layers)
    throw std::invalid_argument(c10::str("gpt_neo config: attention_types lists ",
                                         std::ssize(listed) > num_layers ? "more" : "fewer",
                                         " layers than num_layers = ", num_layers));
  if (!attention_layers.empty() && attention_layers != listed)
    throw std::invalid_argument("gpt_neo config: attention_layers: is another list than attention_types says");
  std::vector<AttentionPattern> patterns;
  for (const auto& name : listed) patterns.push_back(pattern_from_name(name));
  return patterns;
}

void GptNeoConfig::validate() const {
  check_fields(*this, "gpt_neo config");
  if (hidden_size % num_heads != 0)
    throw std::invalid_argument(
        c10::str("gpt_neo config: hidden_size = ", hidden_size, " must be a multiple of num_heads = ", num_heads));
  patterns();
  check_activation("gpt_neo config", "activation_function", activation_function);
  labels.validate("gpt_neo config");
}

GptNeoSelfAttentionImpl::GptNeoSelfAttentionImpl(const GptNeoConfig& config, AttentionPattern pattern)
    : pattern_(pattern),
      heads_(config.num_heads),
      window_(config.window_size),
      attention_dropout_(config.attention_dropout),
      resid_dropout_(config.resid_dropout) {
  const auto width = config.hidden_size;
  k_proj = register_module("k_proj", Linear(width, width, /*with_bias=*/false));
  v_proj = register_module("v_proj", Linear(width, width, /*with_bias=*/false));
  q_proj = register_module("q_proj", Linear(width, width, /*with_bias=*/false));
  out_proj = register_module("out_proj", Linear(width, width));
}

torch::Tensor GptNeoSelfAttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& padding, KvCache* cache,
                                               AttentionWeights* weights) {
  const auto split_heads = [&](const torch::Tensor& y) { return y.unflatten(-1, {heads_, -1}).transpose(1, 2); };
  const auto q = split_heads(q_proj(x));  // (B,H,T,K)
  auto k = split_heads(k_proj(x)), v = split_heads(v_proj(x));
  if (cache) std::tie(k, v) = cache->append(k, v);  // (B,H,S,K), S being the last ones that can be seen
  const auto keys = k.size(2), queries = q.size(2);

  AttendOptions options{.bias = padding,
                        .dropout = is_training() ? attention_dropout_ : 0.0,
                        .scale = 1.0,
                        .causal = true,
                        .window = pattern_ == AttentionPattern::kLocal && keys > window_ ? window_ : 0,
                        .want_weights = weights != nullptr};
  if (padding.defined() && padding.size(-1) > keys) options.bias = padding.narrow(-1, padding.size(-1) - keys, keys);
  if (pattern_ == AttentionPattern::kStrided)
    options.bias = combine_biases(options.bias, strided_bias(queries, keys, window_, q.options().requires_grad(false)));
  const auto attended = attend(q, k, v, options);
  if (weights) weights->add(attended.weights);
  return dropped(out_proj(attended.output.transpose(1, 2).flatten(2)), resid_dropout_, is_training());
}

GptNeoBlockImpl::GptNeoBlockImpl(const GptNeoConfig& config, AttentionPattern pattern)
    : activation_(activation_from_name(config.activation_function)), resid_dropout_(config.resid_dropout) {
  const auto norm = torch::nn::LayerNormOptions({config.hidden_size}).eps(config.layer_norm_epsilon);
  ln_1 = register_module("ln_1", torch::nn::LayerNorm(norm));
  attention = register_nested(*this, "attn.attention", GptNeoSelfAttention(config, pattern));
  ln_2 = register_module("ln_2", torch::nn::LayerNorm(norm));
  c_fc = register_nested(*this, "mlp.c_fc", Linear(config.hidden_size, config.inner_width()));
  c_proj = register_nested(*this, "mlp.c_proj", Linear(config.inner_width(), config.hidden_size));
}

torch::Tensor GptNeoBlockImpl::forward(const torch::Tensor& x0, const torch::Tensor& padding, KvCache* cache,
                                       AttentionWeights* weights) {
  const auto x = x0 + attention(ln_1(x0), padding, cache, weights);
  return x + dropped(c_proj(activate(c_fc(ln_2(x)), activation_)), resid_dropout_, is_training());
}

const PretrainedTraits& GptNeoModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = GptNeoFamily::traits("Model");
  return traits;
}

GptNeoModelImpl::GptNeoModelImpl(const GptNeoConfig& config) : TaskModule(config) {
  config.validate();
  {
    const SkipInit filled_below;
    wte = register_module("wte", unfilled_embedding(config.vocab_size, config.hidden_size));
    wpe = register_module("wpe", unfilled_embedding(config.max_position_embeddings, config.hidden_size));
    h = register_module("h", torch::nn::ModuleList());
    for (const auto pattern : config.patterns()) h->push_back(GptNeoBlock(config, pattern));
    ln_f = register_module(
        "ln_f", torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.hidden_size}).eps(config.layer_norm_epsilon)));
  }
  if (!SkipInit::active()) init_encoder(*this, config.initializer_range, {});
}

torch::Tensor GptNeoModelImpl::forward(const torch::Tensor& ids, const GptInputs& inputs) {
  const GptPlaces places("gpt_neo", ids, inputs, config_.num_layers, wpe->weight);
  const auto x = dropped(wte(ids) + places.positions, config_.embed_dropout, is_training());  // (B,T,C)
  return ln_f(through_blocks<GptNeoBlockImpl>(*h, x, places.padding, inputs, gradient_checkpointing && is_training()));
}

std::vector<KvCache> GptNeoModelImpl::caches(std::int64_t capacity) const {
  std::vector<KvCache> caches;
  for (const auto pattern : config_.patterns())
    caches.emplace_back(capacity, pattern == AttentionPattern::kLocal ? config_.window_size : 0);
  return caches;
}

}  // namespace langzoo
