#include "models/t5/t5_stack.h"

#include <limits>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/activation_checkpoint.h"
#include "models/layers/attention.h"
#include "models/layers/dropout.h"
#include "models/layers/masks.h"
#include "models/layers/nested.h"
#include "models/layers/relative_positions.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

/// float16's sums overflow in large models (transformers' T5Block): infinities become large numbers.
Tensor clamp_half(const Tensor& x) {
  if (x.scalar_type() != torch::kHalf) return x;
  constexpr double kMargin = 1000;
  const double largest = std::numeric_limits<c10::Half>::max();
  const double most = at::isinf(x).any().item<bool>() ? largest - kMargin : largest;
  return x.clamp(-most, most);
}

}  // namespace

T5AttentionImpl::T5AttentionImpl(const T5Config& config, bool with_biases)
    : heads_(config.num_heads), dropout_(config.dropout_rate) {
  const auto inner = config.num_heads * config.d_kv;
  q = register_module("q", Linear(config.d_model, inner, /*with_bias=*/false));
  k = register_module("k", Linear(config.d_model, inner, false));
  v = register_module("v", Linear(config.d_model, inner, false));
  o = register_module("o", Linear(inner, config.d_model, false));
  if (!with_biases) return;
  const auto table = torch::empty({config.relative_attention_num_buckets, config.num_heads});
  relative_attention_bias =
      register_module("relative_attention_bias",
                      torch::nn::Embedding(torch::nn::EmbeddingOptions(table.size(0), table.size(1))._weight(table)));
}

Tensor T5AttentionImpl::forward(const Tensor& x, const T5Rows& rows, bool causal, KvCache* cache) {
  const auto asked = queries(x);  // (B,H,T,K)
  auto keys = split_heads(k(x)), values = split_heads(v(x));
  if (cache) std::tie(keys, values) = cache->append(keys, values);  // (B,H,P,K)
  if (rows.self_scores) rows.self_scores->push_back(at::matmul(asked, keys.transpose(-2, -1)) + rows.position_bias);
  const auto attended = attend(asked, keys, values,
                               {.bias = rows.bias,
                                .dropout = dropout(),
                                .scale = 1.0,
                                .causal = causal,
                                .cu_seqlens = rows.cu_seqlens,
                                .want_weights = rows.self_weights != nullptr});
  if (rows.self_weights) rows.self_weights->add(attended.weights);
  return join_heads(attended.output);
}

CrossKvCache T5AttentionImpl::memory(const Tensor& states, const Tensor& bias) {
  return {split_heads(k(states)), split_heads(v(states)), bias};
}

Tensor T5AttentionImpl::read(const Tensor& queries, const CrossKvCache& memory, const T5Rows& rows) {
  const auto attended = memory.attend(queries, {.dropout = dropout(),
                                                .scale = 1.0,
                                                .cu_seqlens = rows.cu_seqlens,
                                                .cu_seqlens_keys = rows.source_cu_seqlens,
                                                .want_weights = rows.cross_weights != nullptr});
  if (rows.cross_weights) rows.cross_weights->add(attended.weights);
  return join_heads(attended.output);
}

T5FeedForwardImpl::T5FeedForwardImpl(const T5Config& config)
    : activation_(config.activation()), dropout_(config.dropout_rate) {
  const bool gated = config.is_gated();
  wi = register_module(gated ? "wi_0" : "wi", Linear(config.d_model, config.d_ff, /*with_bias=*/false));
  if (gated) wi_1 = register_module("wi_1", Linear(config.d_model, config.d_ff, false));
  wo = register_module("wo", Linear(config.d_ff, config.d_model, false));
}

Tensor T5FeedForwardImpl::forward(const Tensor& x) {
  auto inner = activate(wi(x), activation_);  // (B,T,F)
  if (!wi_1.is_empty()) inner = inner * wi_1(x);
  return wo(dropped(inner, dropout_, is_training()));
}

T5BlockImpl::T5BlockImpl(const T5Config& config, bool decoder, bool with_biases) : dropout_(config.dropout_rate) {
  const auto norm = [&](const char* name) {
    return register_nested(*this, name, RmsNorm(config.d_model, config.layer_norm_epsilon));
  };
  self_attention = register_nested(*this, "layer.0.SelfAttention", T5Attention(config, with_biases));
  self_norm = norm("layer.0.layer_norm");
  if (decoder) {
    cross_attention = register_nested(*this, "layer.1.EncDecAttention", T5Attention(config, /*with_biases=*/false));
    cross_norm = norm("layer.1.layer_norm");
  }
  const std::string last = decoder ? "layer.2" : "layer.1";
  feed_forward = register_nested(*this, last + ".DenseReluDense", T5FeedForward(config));
  feed_forward_norm = norm((last + ".layer_norm").c_str());
}

template <class Part>
Tensor T5BlockImpl::add(const Tensor& x, RmsNorm& norm, const Part& part) {
  return clamp_half(add_dropped(x, part(norm(x)), dropout_, is_training()));
}

Tensor T5BlockImpl::forward(const Tensor& x0, const T5Rows& rows, KvCache* cache, const CrossKvCache* memory,
                            Tensor& queries) {
  const bool decoder = !cross_attention.is_empty();
  auto x = add(x0, self_norm, [&](const Tensor& y) { return self_attention(y, rows, /*causal=*/decoder, cache); });
  if (decoder) {
    x = add(x, cross_norm, [&](const Tensor& y) {
      queries = cross_attention->queries(y);
      return cross_attention->read(queries, *memory, rows);
    });
  }
  return add(x, feed_forward_norm, [&](const Tensor& y) { return feed_forward(y); });
}

T5StackImpl::T5StackImpl(const T5Config& config, bool decoder, torch::nn::Embedding embed_tokens)
    : embed_tokens_(std::move(embed_tokens)),
      buckets_(config.buckets(/*bidirectional=*/!decoder)),
      decoder_(decoder),
      dropout_(config.dropout_rate) {
  block = register_module("block", torch::nn::ModuleList());
  const auto layers = decoder ? config.decoder_layers() : config.num_layers;
  for (std::int64_t i = 0; i < layers; ++i) block->push_back(T5Block(config, decoder, /*with_biases=*/i == 0));
  first_ = block->ptr(0)->as<T5BlockImpl>();
  final_layer_norm = register_module("final_layer_norm", RmsNorm(config.d_model, config.layer_norm_epsilon));
}

T5Decoded T5StackImpl::forward(const Tensor& ids, const T5StackInputs& inputs) {
  const auto& [padding_bias, memory, caches, biases, packed, sources, self_attentions, cross_attentions, self_scores,
               hidden_states] = inputs;
  if (ids.dim() != 2 || ids.numel() == 0)
    throw std::invalid_argument(c10::str("t5: ids must be (B,T), not empty, are ", ids.sizes()));
  if ((memory != nullptr) != decoder_ || (memory && memory->size() != block->size()) ||
      (caches && caches->size() != block->size()))
    throw std::invalid_argument(
        c10::str("t5: a decoder of ", block->size(), " layers takes as many memories and caches, an encoder none"));
  if ((packed && decoder_) != (sources != nullptr) || (packed && (caches || padding_bias.defined())))
    throw std::invalid_argument("t5: packed rows read packed sources, without caches and masks");

  const auto past = caches ? caches->front().length() : 0;
  T5Rows rows{.self_weights = self_attentions, .cross_weights = cross_attentions, .self_scores = self_scores};
  const auto longest = packed ? packed->cu_seqlens.diff().max().item<std::int64_t>() : ids.size(1);
  rows.position_bias = position_bias(past, longest, biases);
  rows.bias = combine_biases(rows.position_bias, padding_bias);
  if (packed) rows.cu_seqlens = packed->cu_seqlens;
  if (sources) rows.source_cu_seqlens = sources->cu_seqlens;

  T5Decoded result;
  auto x = dropped(at::embedding(embed_tokens_->weight, packed ? packed->pack(ids) : ids), dropout_, is_training());
  for (std::size_t i = 0; i < block->size(); ++i) {
    if (hidden_states) hidden_states->push_back(x);
    auto* const run = block->ptr(i)->as<T5BlockImpl>();
    Tensor queries;
    if (gradient_checkpointing_ && is_training() && !decoder_) {
      auto parameters = run->parameters();
      // The table gets its gradient through the bias, of which all blocks have a part.
      std::erase_if(parameters, [&](const Tensor& parameter) { return parameter.is_same(biases_table()); });
      parameters.push_back(rows.bias);
      x = checkpoint(
          [run, rows](const Tensor& y) {
            Tensor none;
            return run->forward(y, rows, nullptr, nullptr, none);
          },
          x, parameters);
    } else {
      x = run->forward(x, rows, caches ? &(*caches)[i] : nullptr, memory ? &(*memory)[i] : nullptr, queries);
    }
    if (i == alignment_layer()) result.queries = queries;
  }
  result.hidden = dropped(final_layer_norm(x), dropout_, is_training());
  return result;
}

Tensor T5StackImpl::position_bias(std::int64_t past, std::int64_t queries, const Tensor& cached) const {
  const auto keys = past + queries;
  if (queries == 1 && cached.defined()) {
    const auto first = cached.size(1) - keys;
    if (first < 0) throw std::invalid_argument(c10::str("t5: biases of ", cached.size(1), " places for ", keys));
    return cached.narrow(1, first, keys).unsqueeze(1).unsqueeze(0);  // (1,H,1,P)
  }
  return spread_distances(distance_biases(biases_table(), 1 - keys, queries + keys - 1, buckets_), queries, keys);
}

Tensor T5StackImpl::cached_biases(std::int64_t capacity) const {
  return distance_biases(biases_table(), 1 - capacity, capacity, buckets_).contiguous();
}

std::vector<CrossKvCache> T5StackImpl::memory(const Tensor& states, const Tensor& bias) {
  std::vector<CrossKvCache> memory;
  for (const auto& layer : *block) memory.push_back(layer->as<T5BlockImpl>()->cross_attention->memory(states, bias));
  return memory;
}

Tensor T5StackImpl::alignment(const Tensor& queries, const std::vector<CrossKvCache>& memory) const {
  return memory[alignment_layer()].attend(queries, {.scale = 1.0, .want_weights = true}).weights.mean(1);
}

}  // namespace langzoo
