#include "models/layers/token_embeddings.h"

#include "models/layers/dropout.h"
#include "third_party/torch.h"

namespace langzoo {

TokenEmbeddingsImpl::TokenEmbeddingsImpl(const TokenEmbeddingsOptions& options) : options_(options) {
  // Given its weight, torch's embedding does not draw one.
  const auto table = [&](const char* name, std::int64_t rows) {
    const auto embedding =
        torch::nn::EmbeddingOptions(rows, options.width)._weight(torch::empty({rows, options.width}));
    return register_module(name, torch::nn::Embedding(embedding));
  };
  word_embeddings = table("word_embeddings", options.vocab_size);
  position_embeddings = table("position_embeddings", options.positions);
  if (options.token_types > 0) token_type_embeddings = table("token_type_embeddings", options.token_types);
  LayerNorm = register_module(
      "LayerNorm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.width}).eps(options.layer_norm_eps)));
}

torch::Tensor TokenEmbeddingsImpl::forward(const torch::Tensor& ids, const torch::Tensor& positions,
                                           const torch::Tensor& token_types) {
  const auto padding = options_.padding.value_or(-1);
  auto x = at::embedding(word_embeddings->weight, ids, padding);  // (R,T,C)
  if (!token_type_embeddings.is_empty()) {
    const auto& types = token_type_embeddings->weight;
    x = x + (token_types.defined() ? at::embedding(types, token_types) : types[0]);
  }
  if (options_.adds_positions) {
    x = x + at::embedding(position_embeddings->weight, positions, options_.pads_positions ? padding : -1);
  }
  return dropped(LayerNorm(x), options_.dropout, is_training());
}

}  // namespace langzoo
