#include "models/layers/post_norm_layer.h"

#include <stdexcept>

#include "models/layers/copy_parameters.h"
#include "models/layers/dropout.h"
#include "models/layers/nested.h"
#include "third_party/torch.h"

namespace langzoo {

PostNormLayerImpl::PostNormLayerImpl(const PostNormLayerOptions& options, const PostNormLayerImpl* attention_of,
                                     const PostNormLayerImpl* feed_forward_of)
    : options_(options) {
  using LayerNorm = torch::nn::LayerNorm;
  const auto& names = options.names;
  const auto width = options.width;
  const auto linear = [&](const char* name, const Linear* shared, std::int64_t in, std::int64_t out) {
    return register_nested(*this, name, shared != nullptr ? *shared : Linear(in, out));
  };
  const auto norm = [&](const char* name, const LayerNorm* shared) {
    const auto fresh = torch::nn::LayerNormOptions({width}).eps(options.layer_norm_eps);
    return register_nested(*this, name, shared != nullptr ? *shared : LayerNorm(fresh));
  };
  const auto* const a = attention_of;
  query = linear(names.query, a ? &a->query : nullptr, width, width);
  key = linear(names.key, a ? &a->key : nullptr, width, width);
  value = linear(names.value, a ? &a->value : nullptr, width, width);
  if (options.positions != PositionType::kAbsolute) {
    const auto table = torch::empty({2 * options.max_positions - 1, width / options.heads});
    const auto fresh = torch::nn::EmbeddingOptions(table.size(0), table.size(1))._weight(table);
    distances = register_nested(*this, names.distances, a ? a->distances : torch::nn::Embedding(fresh));
  }
  attention_output = linear(names.attention_output, a ? &a->attention_output : nullptr, width, width);
  attention_norm = norm(names.attention_norm, a ? &a->attention_norm : nullptr);
  const auto* const f = feed_forward_of;
  inner = linear(names.inner, f ? &f->inner : nullptr, width, options.inner_width);
  outer = linear(names.outer, f ? &f->outer : nullptr, options.inner_width, width);
  output_norm = norm(names.output_norm, f ? &f->output_norm : nullptr);
}

void PostNormLayerImpl::copy_from(const PostNormLayerImpl& other) {
  for (const auto part : {&PostNormLayerImpl::query, &PostNormLayerImpl::key, &PostNormLayerImpl::value,
                          &PostNormLayerImpl::attention_output, &PostNormLayerImpl::inner, &PostNormLayerImpl::outer})
    copy_parameters(*(this->*part), *(other.*part));
  copy_parameters(*attention_norm, *other.attention_norm);
  copy_parameters(*output_norm, *other.output_norm);
  if (distances.is_empty() != other.distances.is_empty())
    throw std::invalid_argument("only one of two layers has relative positions");
  if (!distances.is_empty()) copy_parameters(*distances, *other.distances);
}

torch::Tensor PostNormLayerImpl::forward(const torch::Tensor& x, const TokenRows& rows) {
  const bool training = is_training();
  const auto heads = self_attend(query(x), key(x), value(x), rows,
                                 {.heads = options_.heads,
                                  .dropout = training ? options_.attention_dropout : 0.0,
                                  .positions = options_.positions,
                                  .distances = distances.is_empty() ? torch::Tensor() : distances->weight});
  const auto y = attention_norm(add_dropped(x, attention_output(heads), options_.attention_output_dropout, training));
  const auto z = outer(activate(inner(y), options_.activation));
  return output_norm(add_dropped(y, z, options_.output_dropout, training));
}

}  // namespace langzoo
