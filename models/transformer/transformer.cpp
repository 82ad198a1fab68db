#include "models/transformer/transformer.h"

#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/attention.h"
#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "models/layers/masks.h"
#include "models/layers/positions.h"
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

void require_sources(const Tensor& source, const Tensor& lengths) {
  require(source.dim() == 2 && source.numel() > 0, "source must be (B,S), not empty", source.sizes());
  require(lengths.dim() == 1 && lengths.size(0) == source.size(0), "source_lengths must be (B)", lengths.sizes());
}

void require_targets(const Tensor& decoder_input, const Tensor& source) {
  require(decoder_input.dim() == 2 && decoder_input.size(0) == source.size(0), "decoder_input must be (B,T)",
          decoder_input.sizes());
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

Tensor TransformerAttentionImpl::forward(const Tensor& x, const TransformerRows& rows, bool causal, KvCache* cache) {
  const auto q = queries(x);  // (B,H,T,K)
  auto k = split_heads(k_proj(x)), v = split_heads(v_proj(x));
  if (cache) std::tie(k, v) = cache->append(k, v);  // (B,H,P,K)
  const auto attended = attend(q, k, v,
                               {.bias = rows.bias,
                                .dropout = dropout(),
                                .causal = causal,
                                .cu_seqlens = rows.cu_seqlens,
                                .want_weights = rows.self_weights != nullptr});
  if (rows.self_weights) rows.self_weights->add(attended.weights);
  return join_heads(attended.output);
}

CrossKvCache TransformerAttentionImpl::memory(const Tensor& states, const Tensor& bias) {
  return {split_heads(k_proj(states)), split_heads(v_proj(states)), bias};
}

Tensor TransformerAttentionImpl::queries(const Tensor& x) {
  return split_heads(q_proj(x));
}

Tensor TransformerAttentionImpl::read(const Tensor& queries, const CrossKvCache& memory, const TransformerRows& rows) {
  const auto attended = memory.attend(queries, {.dropout = dropout(),
                                                .cu_seqlens = rows.cu_seqlens,
                                                .cu_seqlens_keys = rows.source_cu_seqlens,
                                                .want_weights = rows.cross_weights != nullptr});
  if (rows.cross_weights) rows.cross_weights->add(attended.weights);
  return join_heads(attended.output);
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
  return fc2(dropped(inner, activation_dropout_, is_training()));
}

template <class Part>
Tensor TransformerLayerImpl::add(const Tensor& x, torch::nn::LayerNorm& norm, const Part& part) {
  const auto added = [&](const Tensor& y) { return add_dropped(x, y, dropout_, is_training()); };
  return normalize_before_ ? added(part(norm(x))) : norm(added(part(x)));
}

TransformerEncoderLayerImpl::TransformerEncoderLayerImpl(const TransformerConfig& config)
    : TransformerLayerImpl(config, config.encoder_attention_heads, config.encoder_ffn_dim) {}

Tensor TransformerEncoderLayerImpl::forward(const Tensor& x0, const TransformerRows& rows) {
  const auto x = add(x0, self_attn_layer_norm, [&](const Tensor& y) { return self_attn(y, rows, /*causal=*/false); });
  return add(x, final_layer_norm, [&](const Tensor& y) { return feed_forward(y); });
}

TransformerDecoderLayerImpl::TransformerDecoderLayerImpl(const TransformerConfig& config, bool cross_attention)
    : TransformerLayerImpl(config, config.decoder_attention_heads, config.decoder_ffn_dim) {
  if (!cross_attention) return;
  encoder_attn = register_module(
      "encoder_attn", TransformerAttention(config.d_model, config.decoder_attention_heads, config.attention_dropout));
  encoder_attn_layer_norm = register_module("encoder_attn_layer_norm", layer_norm(config));
}

Tensor TransformerDecoderLayerImpl::forward(const Tensor& x0, const TransformerRows& rows, KvCache* cache,
                                            const CrossKvCache* memory, Tensor& queries) {
  auto x = add(x0, self_attn_layer_norm, [&](const Tensor& y) { return self_attn(y, rows, /*causal=*/true, cache); });
  if (memory) {
    x = add(x, encoder_attn_layer_norm, [&](const Tensor& y) {
      queries = encoder_attn->queries(y);
      return encoder_attn->read(queries, *memory, rows);
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
    sinusoids_ = std::make_shared<SinusoidTable>(config.d_model, config.position_embedding_type == "interleaved"
                                                                     ? SinusoidLayout::kInterleaved
                                                                     : SinusoidLayout::kHalves);
  }
  layers = register_module("layers", torch::nn::ModuleList());
  if (config.normalize_before) layer_norm = register_module("layer_norm", langzoo::layer_norm(config));
}

void TransformerStackImpl::require_positions(const Tensor& ids, std::int64_t seen) const {
  require(ids.dim() == 2 && ids.numel() > 0, "ids must be (B,T), not empty", ids.sizes());
  if (seen > config_.max_position_embeddings)
    throw std::invalid_argument(
        c10::str("transformer: ", seen, " tokens exceed max_position_embeddings = ", config_.max_position_embeddings));
}

Tensor TransformerStackImpl::position_table(std::int64_t seen) const {
  return embed_positions.is_empty() ? sinusoids_->rows(seen) : embed_positions->weight;
}

/// Shapes: ids (B,T), positions (T,C) or (B,T,C).
Tensor TransformerStackImpl::add_positions(const Tensor& ids, const Tensor& positions) const {
  const auto& weight = embed_tokens->weight;
  auto x = at::embedding(weight, ids, config_.pad_token_id.value_or(-1));
  if (config_.scale_embedding) x = x * std::sqrt(static_cast<double>(config_.d_model));
  return dropped(x + positions.to(weight.options().requires_grad(false)), config_.dropout, is_training());
}

Tensor TransformerStackImpl::embed(const Tensor& ids, std::int64_t past, const Tensor& mask) const {
  const auto seen = past + (ids.dim() == 2 ? ids.size(1) : 0);
  require_positions(ids, seen);
  if (!mask.defined()) return add_positions(ids, position_table(seen).narrow(0, past, ids.size(1)));
  require(mask.dim() == 2 && mask.size(0) == ids.size(0) && mask.size(1) == seen,
          "attention_mask must be (B,P) for all P tokens", mask.sizes());
  const auto table = position_table(seen);
  const auto places = positions_from_mask(mask).narrow(1, past, ids.size(1)).to(table.device());
  return add_positions(ids, at::embedding(table, places));
}

Tensor TransformerStackImpl::embed(const Tensor& ids, const PackedRows& rows) const {
  require_positions(ids, rows.places);
  const auto places = at::arange(rows.places, torch::kInt64).expand(ids.sizes());  // (B,T)
  const auto table = position_table(rows.places);
  return add_positions(rows.pack(ids), at::embedding(table, rows.pack(places).to(table.device())));
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

Tensor TransformerEncoderImpl::forward(const Tensor& ids, const Tensor& bias, AttentionWeights* weights) {
  return encode(embed(ids, 0, {}), {.bias = bias, .self_weights = weights});
}

Tensor TransformerEncoderImpl::forward_packed(const Tensor& ids, const PackedRows& rows) {
  return encode(embed(ids, rows), {.cu_seqlens = rows.cu_seqlens});
}

Tensor TransformerEncoderImpl::encode(Tensor x, const TransformerRows& rows) {
  for (const auto& layer : *layers) {
    if (!drops_layer(config().encoder_layerdrop)) x = layer->as<TransformerEncoderLayerImpl>()->forward(x, rows);
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
  const auto& [memory, caches, mask, packed, sources, self_attentions, cross_attentions, embedded] = inputs;
  if ((memory && memory->size() != layers->size()) || (caches && caches->size() != layers->size()))
    throw std::invalid_argument(
        c10::str("transformer: a decoder of ", layers->size(), " layers takes as many memories and caches"));
  if ((memory != nullptr) == layers->at<TransformerDecoderLayerImpl>(0).encoder_attn.is_empty())
    throw std::invalid_argument(memory ? "transformer: a decoder alone reads no memory"
                                       : "transformer: a decoder with cross-attention needs a memory");
  if ((packed != nullptr) != (sources != nullptr) || (packed && (caches || mask.defined())))
    throw std::invalid_argument("transformer: packed rows read packed sources, without caches and masks");
  const auto past = caches ? caches->front().length() : 0;
  TransformerDecoded result;
  auto x = packed ? embed(ids, *packed) : embed(ids, past, mask);  // (B,T,C)
  if (embedded) *embedded = x;
  TransformerRows rows;
  if (mask.defined()) rows.bias = padding_bias(mask, x.scalar_type());
  if (packed) rows.cu_seqlens = packed->cu_seqlens, rows.source_cu_seqlens = sources->cu_seqlens;
  rows.self_weights = self_attentions, rows.cross_weights = cross_attentions;
  for (std::size_t i = 0; i < layers->size(); ++i) {
    if (drops_layer(config().decoder_layerdrop)) continue;
    Tensor queries;
    x = layers->at<TransformerDecoderLayerImpl>(i).forward(x, rows, caches ? &(*caches)[i] : nullptr,
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

std::vector<CrossKvCache> TransformerMtModelImpl::encode(const Tensor& source, const Tensor& source_lengths,
                                                         AttentionWeights* weights) {
  require_sources(source, source_lengths);
  const auto& weight = model->encoder->embed_tokens->weight;
  const auto bias = source_bias(source_lengths, source.size(1), weight);
  if (weights || !bias.defined() || !attends_packed(weight))
    return model->decoder->memory(model->encoder(source, bias, weights), bias);
  const PackedRows rows(source_lengths, source.size(1));
  return model->decoder->memory(rows.unpack(model->encoder->forward_packed(source, rows)), bias);
}

TransformerDecoded TransformerMtModelImpl::decode(const Tensor& source, const Tensor& source_lengths,
                                                  const Tensor& decoder_input, std::vector<CrossKvCache>& memory) {
  require_targets(decoder_input, source);
  memory = encode(source, source_lengths);
  return model->decoder->forward(decoder_input, {.memory = &memory});
}

/// No padding is computed, of either side. Shapes: (1,N,C).
Tensor TransformerMtModelImpl::decode_packed(const Tensor& source, const Tensor& source_lengths,
                                             const Tensor& decoder_input, const PackedRows& targets) {
  require_sources(source, source_lengths);
  require_targets(decoder_input, source);
  const PackedRows sources(source_lengths, source.size(1));
  const auto memory = model->decoder->memory(model->encoder->forward_packed(source, sources), {});
  return model->decoder->forward(decoder_input, {.memory = &memory, .rows = &targets, .sources = &sources}).hidden;
}

Tensor TransformerMtModelImpl::forward(const Tensor& source, const Tensor& source_lengths,
                                       const Tensor& decoder_input) {
  std::vector<CrossKvCache> memory;
  return logits(decode(source, source_lengths, decoder_input, memory).hidden);
}

LabelStates TransformerMtModelImpl::label_states(const Tensor& source, const Tensor& source_lengths,
                                                 const Tensor& decoder_input, const Tensor& labels) {
  require(labels.dim() == 2 && labels.sizes() == decoder_input.sizes(), "labels must be shaped as decoder_input",
          labels.sizes());
  const auto bias = final_logits_bias.squeeze(0);
  // What comes after a row's last label nothing depends on.
  const auto places = at::arange(1, labels.size(1) + 1, torch::kInt64);
  const auto lengths = (places * (labels != -100)).amax(1);
  if (attends_packed(lm_head->weight) && lengths.any().item<bool>()) {
    const PackedRows rows(lengths, labels.size(1));
    const auto hidden = decode_packed(source, source_lengths, decoder_input, rows).squeeze(0);  // (N,C)
    return LabelStates::of(hidden, rows.pack(labels).squeeze(0), lm_head->weight, bias);
  }
  std::vector<CrossKvCache> memory;
  const auto hidden = decode(source, source_lengths, decoder_input, memory).hidden.flatten(0, 1);  // (B T, C)
  return LabelStates::of(hidden, labels.reshape({-1}), lm_head->weight, bias);
}

std::optional<std::int32_t> TransformerMtModelImpl::end_token() const {
  return first_token(config_.eos_token_id, config_.target_vocab_size());
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

std::vector<AttentionWeights> TransformerMtModelImpl::attentions(const Tensor& source, const Tensor& source_lengths,
                                                                 const Tensor& decoder_input, std::int64_t most) {
  using enum AttentionKind;
  std::vector<AttentionWeights> all = {{kEncoder, most}, {kDecoder, most}, {kCross, most}};
  const auto memory = encode(source, source_lengths, all.data());
  model->decoder->forward(decoder_input, {.memory = &memory, .self_attentions = &all[1], .cross_attentions = &all[2]});
  return all;
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
