#include "models/transformer/transformer.h"

#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/attention.h"
#include "models/layers/init.h"
#include "models/layers/masks.h"
#include "models/layers/positions.h"
#include "models/losses/cross_entropy.h"
#include "models/transformer/transformer_step.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

torch::nn::LayerNorm layer_norm(const TransformerConfig& config) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.d_model}));
}

/// Given its weight, torch's embedding does not draw one.
torch::nn::Embedding embedding(std::int64_t rows, std::int64_t width) {
  return torch::nn::Embedding(torch::nn::EmbeddingOptions(rows, width)._weight(torch::empty({rows, width})));
}

/// TransformerConfig::initializer.
void initialize(torch::nn::Module& module, const TransformerConfig& config) {
  const torch::NoGradGuard no_grad;
  const bool xavier = config.initializer == "xavier";
  for (auto& item : module.named_parameters()) {
    const std::string& name = item.key();
    const Tensor& parameter = item.value();
    const bool tokens = name.ends_with("embed_tokens.weight") || name.ends_with("shared.weight");
    const bool of_tokens = tokens || name.ends_with("embed_positions.weight") || name.ends_with("lm_head.weight");
    if (parameter.dim() == 1) {
      parameter.fill_(name.ends_with("layer_norm.weight") ? 1.0 : 0.0);
    } else if (xavier && !of_tokens) {
      torch::nn::init::xavier_uniform_(parameter);
    } else {
      init_normal(parameter, xavier ? 1.0 / std::sqrt(static_cast<double>(config.d_model)) : config.init_std);
    }
    if (tokens && config.pad_token_id) parameter[*config.pad_token_id].zero_();
  }
}

void require(bool holds, const char* what, at::IntArrayRef sizes) {
  if (!holds) throw std::invalid_argument(c10::str("transformer: ", what, ", is ", sizes));
}

/// 0 on a row's tokens, -inf on the padding after them; undefined where it is seen without asking the device that there
/// is none. Shapes: lengths (B) -> (B,1,1,S).
Tensor source_bias(const Tensor& lengths, std::int64_t longest, const Tensor& like) {
  if (lengths.is_cpu() && lengths.min().item<std::int64_t>() >= longest) return {};
  const auto places = at::arange(longest, at::TensorOptions(torch::kInt64).device(like.device()));
  return padding_bias(places < lengths.to(like.device()).unsqueeze(1), like.scalar_type());
}

}  // namespace

TransformerAttentionImpl::TransformerAttentionImpl(std::int64_t width, std::int64_t heads, double dropout)
    : heads_(heads), dropout_(dropout) {
  k_proj = register_module("k_proj", Linear(width, width));
  v_proj = register_module("v_proj", Linear(width, width));
  q_proj = register_module("q_proj", Linear(width, width));
  out_proj = register_module("out_proj", Linear(width, width));
}

Tensor TransformerAttentionImpl::forward(const Tensor& x, const Tensor& bias, bool causal, KvCache* cache) {
  const auto q = queries(x);  // (B,H,T,K)
  auto k = split_heads(k_proj(x)), v = split_heads(v_proj(x));
  if (cache) std::tie(k, v) = cache->append(k, v);  // (B,H,P,K)
  return join_heads(attend(q, k, v, {.bias = bias, .dropout = dropout(), .causal = causal}).output);
}

CrossKvCache TransformerAttentionImpl::memory(const Tensor& states, const Tensor& bias) {
  return {split_heads(k_proj(states)), split_heads(v_proj(states)), bias};
}

Tensor TransformerAttentionImpl::queries(const Tensor& x) {
  return split_heads(q_proj(x));
}

Tensor TransformerAttentionImpl::read(const Tensor& queries, const CrossKvCache& memory) {
  return join_heads(memory.attend(queries, {.dropout = dropout()}).output);
}

TransformerLayerImpl::TransformerLayerImpl(const TransformerConfig& config, std::int64_t heads, std::int64_t ffn_dim)
    : activation_(activation_from_name(config.activation_function)),
      dropout_(config.dropout),
      activation_dropout_(config.activation_dropout),
      normalize_before_(config.normalize_before) {
  self_attn = register_module("self_attn", TransformerAttention(config.d_model, heads, config.attention_dropout));
  self_attn_layer_norm = register_module("self_attn_layer_norm", layer_norm(config));
  fc1 = register_module("fc1", Linear(config.d_model, ffn_dim));
  if (config.gated_feed_forward) fc_gate = register_module("fc_gate", Linear(config.d_model, ffn_dim));
  fc2 = register_module("fc2", Linear(ffn_dim, config.d_model));
  final_layer_norm = register_module("final_layer_norm", layer_norm(config));
}

Tensor TransformerLayerImpl::feed_forward(const Tensor& x) {
  auto inner = activate(fc1(x), activation_);  // (B,T,F)
  if (!fc_gate.is_empty()) inner = inner * fc_gate(x);
  return fc2(at::dropout(inner, activation_dropout_, is_training()));
}

template <class Part>
Tensor TransformerLayerImpl::add(const Tensor& x, torch::nn::LayerNorm& norm, const Part& part) {
  const auto dropped = [&](const Tensor& y) { return at::dropout(y, dropout_, is_training()); };
  return normalize_before_ ? x + dropped(part(norm(x))) : norm(x + dropped(part(x)));
}

TransformerEncoderLayerImpl::TransformerEncoderLayerImpl(const TransformerConfig& config)
    : TransformerLayerImpl(config, config.encoder_attention_heads, config.encoder_ffn_dim) {}

Tensor TransformerEncoderLayerImpl::forward(const Tensor& x0, const Tensor& bias) {
  const auto x = add(x0, self_attn_layer_norm, [&](const Tensor& y) { return self_attn(y, bias, /*causal=*/false); });
  return add(x, final_layer_norm, [&](const Tensor& y) { return feed_forward(y); });
}

TransformerDecoderLayerImpl::TransformerDecoderLayerImpl(const TransformerConfig& config, bool cross_attention)
    : TransformerLayerImpl(config, config.decoder_attention_heads, config.decoder_ffn_dim) {
  if (!cross_attention) return;
  encoder_attn = register_module(
      "encoder_attn", TransformerAttention(config.d_model, config.decoder_attention_heads, config.attention_dropout));
  encoder_attn_layer_norm = register_module("encoder_attn_layer_norm", layer_norm(config));
}

Tensor TransformerDecoderLayerImpl::forward(const Tensor& x0, const Tensor& bias, KvCache* cache,
                                            const CrossKvCache* memory, Tensor& queries) {
  auto x = add(x0, self_attn_layer_norm, [&](const Tensor& y) { return self_attn(y, bias, /*causal=*/true, cache); });
  if (memory) {
    x = add(x, encoder_attn_layer_norm, [&](const Tensor& y) {
      queries = encoder_attn->queries(y);
      return encoder_attn->read(queries, *memory);
    });
  }
  return add(x, final_layer_norm, [&](const Tensor& y) { return feed_forward(y); });
}

TransformerStackImpl::TransformerStackImpl(const TransformerConfig& config, std::int64_t vocab_size,
                                           torch::nn::Embedding shared)
    : config_(config) {
  config.validate();
  embed_tokens =
      shared.is_empty() ? register_module("embed_tokens", embedding(vocab_size, config.d_model)) : std::move(shared);
  if (config.position_embedding_type == "learned") {
    embed_positions = register_module("embed_positions", embedding(config.max_position_embeddings, config.d_model));
  } else {
    sinusoids_ = sinusoidal_positions(
        config.max_position_embeddings, config.d_model,
        config.position_embedding_type == "interleaved" ? SinusoidLayout::kInterleaved : SinusoidLayout::kHalves);
  }
  layers = register_module("layers", torch::nn::ModuleList());
  if (config.normalize_before) layer_norm = register_module("layer_norm", langzoo::layer_norm(config));
}

Tensor TransformerStackImpl::embed(const Tensor& ids, std::int64_t past, const Tensor& mask) const {
  require(ids.dim() == 2 && ids.numel() > 0, "ids must be (B,T), not empty", ids.sizes());
  const auto seen = past + ids.size(1);
  if (seen > config_.max_position_embeddings)
    throw std::invalid_argument(
        c10::str("transformer: ", seen, " tokens exceed max_position_embeddings = ", config_.max_position_embeddings));
  const auto& weight = embed_tokens->weight;
  auto x = at::embedding(weight, ids, config_.pad_token_id.value_or(-1));
  if (config_.scale_embedding) x = x * std::sqrt(static_cast<double>(config_.d_model));
  auto places = embed_positions.is_empty() ? sinusoids_ : embed_positions->weight;  // (max_position_embeddings, C)
  if (!mask.defined()) {
    places = places.narrow(0, past, ids.size(1));
  } else {
    require(mask.dim() == 2 && mask.size(0) == ids.size(0) && mask.size(1) == seen,
            "attention_mask must be (B,P) for all P tokens", mask.sizes());
    places = at::embedding(places, positions_from_mask(mask).narrow(1, past, ids.size(1)).to(places.device()));
  }
  return at::dropout(x + places.to(weight.options().requires_grad(false)), config_.dropout, is_training());
}

bool TransformerStackImpl::drops_layer(double share) const {
  return is_training() && share > 0.0 && at::rand({}).item<double>() < share;
}

TransformerEncoderImpl::TransformerEncoderImpl(const TransformerConfig& config, torch::nn::Embedding shared)
    : TransformerStackImpl(config, config.vocab_size, std::move(shared)) {
  {
    const SkipInit filled_below;
    for (std::int64_t i = 0; i < config.encoder_layers; ++i) layers->push_back(TransformerEncoderLayer(config));
  }
  if (!SkipInit::active()) initialize(*this, config);
}

Tensor TransformerEncoderImpl::forward(const Tensor& ids, const Tensor& bias) {
  auto x = embed(ids, 0, {});  // (B,S,C)
  for (const auto& layer : *layers) {
    if (!drops_layer(config().encoder_layerdrop)) x = layer->as<TransformerEncoderLayerImpl>()->forward(x, bias);
  }
  return layer_norm.is_empty() ? x : layer_norm(x);
}

TransformerDecoderImpl::TransformerDecoderImpl(const TransformerConfig& config, torch::nn::Embedding shared,
                                               bool cross_attention)
    : TransformerStackImpl(config, config.target_vocab_size(), std::move(shared)) {
  {
    const SkipInit filled_below;
    for (std::int64_t i = 0; i < config.decoder_layers; ++i)
      layers->push_back(TransformerDecoderLayer(config, cross_attention));
  }
  if (!SkipInit::active()) initialize(*this, config);
}

TransformerDecoded TransformerDecoderImpl::forward(const Tensor& ids, const TransformerDecoderInputs& inputs) {
  const auto& [memory, caches, mask] = inputs;
  if ((memory && memory->size() != layers->size()) || (caches && caches->size() != layers->size()))
    throw std::invalid_argument(
        c10::str("transformer: a decoder of ", layers->size(), " layers takes as many memories and caches"));
  if ((memory != nullptr) == layers->at<TransformerDecoderLayerImpl>(0).encoder_attn.is_empty())
    throw std::invalid_argument(memory ? "transformer: a decoder alone reads no memory"
                                       : "transformer: a decoder with cross-attention needs a memory");
  const auto past = caches ? caches->front().length() : 0;
  TransformerDecoded result;
  auto x = embed(ids, past, mask);  // (B,T,C)
  const auto bias = mask.defined() ? padding_bias(mask, x.scalar_type()) : Tensor();
  for (std::size_t i = 0; i < layers->size(); ++i) {
    if (drops_layer(config().decoder_layerdrop)) continue;
    Tensor queries;
    x = layers->at<TransformerDecoderLayerImpl>(i).forward(x, bias, caches ? &(*caches)[i] : nullptr,
                                                           memory ? &(*memory)[i] : nullptr, queries);
    if (i == alignment_layer()) result.queries = queries;
  }
  result.hidden = layer_norm.is_empty() ? x : layer_norm(x);
  return result;
}

std::vector<CrossKvCache> TransformerDecoderImpl::memory(const Tensor& states, const Tensor& bias) {
  std::vector<CrossKvCache> memory;
  for (const auto& layer : *layers)
    memory.push_back(layer->as<TransformerDecoderLayerImpl>()->encoder_attn->memory(states, bias));
  return memory;
}

Tensor TransformerDecoderImpl::alignment(const Tensor& queries, const std::vector<CrossKvCache>& memory) const {
  return memory[alignment_layer()].attend(queries, {.want_weights = true}).weights.mean(1);  // (B,H,T,S) -> (B,T,S)
}

TransformerModelImpl::TransformerModelImpl(const TransformerConfig& config) {
  {
    const SkipInit filled_below;
    if (config.share_encoder_decoder_embeddings)
      shared = register_module("shared", embedding(config.vocab_size, config.d_model));
    encoder = register_module("encoder", TransformerEncoder(config, shared));
    decoder = register_module("decoder", TransformerDecoder(config, shared));
  }
  if (!SkipInit::active()) initialize(*this, config);
}

TransformerMtModelImpl::TransformerMtModelImpl(const TransformerConfig& config) : TaskModule(config) {
  config_.validate();
  {
    const SkipInit filled_below;
    model = register_module("model", TransformerModel(config_));
    lm_head = register_module("lm_head", config_.tie_word_embeddings
                                             ? Linear(model->decoder->embed_tokens->weight, /*with_bias=*/false)
                                             : Linear(config_.d_model, config_.target_vocab_size(), false));
    final_logits_bias = register_buffer("final_logits_bias", torch::zeros({1, config_.target_vocab_size()}));
  }
  if (!SkipInit::active()) initialize(*this, config_);
}

std::vector<CrossKvCache> TransformerMtModelImpl::encode(const Tensor& source, const Tensor& source_lengths) {
  require(source.dim() == 2 && source.numel() > 0, "source must be (B,S), not empty", source.sizes());
  require(source_lengths.dim() == 1 && source_lengths.size(0) == source.size(0), "source_lengths must be (B)",
          source_lengths.sizes());
  const auto bias = source_bias(source_lengths, source.size(1), model->encoder->embed_tokens->weight);
  return model->decoder->memory(model->encoder(source, bias), bias);
}

TransformerDecoded TransformerMtModelImpl::decode(const Tensor& source, const Tensor& source_lengths,
                                                  const Tensor& decoder_input, std::vector<CrossKvCache>& memory) {
  require(decoder_input.dim() == 2 && decoder_input.size(0) == source.size(0), "decoder_input must be (B,T)",
          decoder_input.sizes());
  memory = encode(source, source_lengths);
  return model->decoder->forward(decoder_input, {.memory = &memory});
}

Tensor TransformerMtModelImpl::forward(const Tensor& source, const Tensor& source_lengths,
                                       const Tensor& decoder_input) {
  std::vector<CrossKvCache> memory;
  return logits(decode(source, source_lengths, decoder_input, memory).hidden);
}

Tensor TransformerMtModelImpl::loss_sum(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                                        const Tensor& labels) {
  require(labels.sizes() == decoder_input.sizes(), "labels must be shaped as decoder_input", labels.sizes());
  std::vector<CrossKvCache> memory;
  auto hidden = decode(source, source_lengths, decoder_input, memory).hidden.flatten(0, 1);  // (B T, C)
  auto targets = labels.reshape({-1});
  const auto kept = (targets != -100).nonzero().squeeze(1);
  if (kept.numel() < targets.numel()) {  // padding needs no logits
    hidden = hidden.index_select(0, kept);
    targets = targets.index_select(0, kept);
  }
  return linear_cross_entropy(hidden, lm_head->weight, targets, loss_options(), /*chunk_rows=*/0,
                              final_logits_bias.squeeze(0));
}

std::optional<std::int32_t> TransformerMtModelImpl::end_token() const {
  if (!config_.eos_token_id) return std::nullopt;
  return static_cast<std::int32_t>(*config_.eos_token_id);
}

std::unique_ptr<StepFunction> TransformerMtModelImpl::start(const Tensor& source, const Tensor& source_lengths,
                                                            std::int64_t capacity) {
  const auto self = std::static_pointer_cast<TransformerMtModelImpl>(shared_from_this());
  return std::make_unique<TransformerStepFunction>(TransformerMtModel(self), source, source_lengths, capacity);
}

Tensor TransformerMtModelImpl::attention(const Tensor& source, const Tensor& source_lengths,
                                         const Tensor& decoder_input) {
  std::vector<CrossKvCache> memory;
  const auto queries = decode(source, source_lengths, decoder_input, memory).queries;
  return model->decoder->alignment(queries, memory);
}

void TransformerMtModelImpl::save_pretrained(const std::filesystem::path& dir) const {
  langzoo::save_pretrained(*this, config_,
                           config_.is_marian() ? MarianMtModelImpl::pretrained_traits() : pretrained_traits(), dir,
                           &generation_config);
}

const PretrainedTraits& TransformerMtModelImpl::pretrained_traits() {
  static const PretrainedTraits traits{
      .model_type = "transformer",
      .architecture = "TransformerMTModel",
      .base_model_prefix = "model",
      // Not shared, Marian's files still have it, unused.
      .heads = {"lm_head.", "model.shared."},
      .tied = {{"model.encoder.embed_tokens.weight", "model.shared.weight", "share_encoder_decoder_embeddings"},
               {"model.decoder.embed_tokens.weight", "model.shared.weight", "share_encoder_decoder_embeddings"},
               {"lm_head.weight", "model.shared.weight", "tie_word_embeddings"},
               {"lm_head.weight", "model.decoder.embed_tokens.weight", "tie_word_embeddings"}}};
  return traits;
}

MarianMtModelImpl::MarianMtModelImpl(const TransformerConfig& config) : TransformerMtModelImpl(config) {
  if (!config.is_marian())
    throw std::invalid_argument(
        "transformer config: model_type marian has normalize_before = false, gated_feed_forward = false, "
        "position_embedding_type = sinusoidal, and shared embeddings only where the softmax's are tied");
}

const PretrainedTraits& MarianMtModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = [] {
    auto traits = TransformerMtModelImpl::pretrained_traits();
    traits.model_type = "marian";
    traits.architecture = "MarianMTModel";
    traits.ignored_suffixes = {".embed_positions.weight"};  // always the same sinusoids
    return traits;
  }();
  return traits;
}

}  // namespace langzoo
