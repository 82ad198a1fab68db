/// What encoders read: the sum of a token's, its place's and its segment's vectors, normalised.
#pragma once

#include <cstdint>
#include <optional>

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

namespace langzoo {

struct TokenEmbeddingsOptions {
  std::int64_t vocab_size, positions, width;
  std::int64_t token_types = 0;  ///< 0: segments have no vectors
  double layer_norm_eps = 1e-12, dropout = 0;
  std::optional<std::int64_t> padding = {};  ///< the token whose vector gets no gradient from being read
  bool pads_positions = false;               ///< so does the place of this number
  bool adds_positions = true;                ///< off: places have vectors, as checkpoints do, which nothing reads
};

/// Parameters word_embeddings, position_embeddings, token_type_embeddings and LayerNorm, uninitialised but for the
/// norm.
class TokenEmbeddingsImpl : public torch::nn::Module {
 public:
  explicit TokenEmbeddingsImpl(const TokenEmbeddingsOptions& options);

  /// `token_types` undefined: all 0. Shapes: ids, positions, token_types (R,T) int64 -> (R,T,C).
  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& positions, const torch::Tensor& token_types);

  torch::nn::Embedding word_embeddings{nullptr}, position_embeddings{nullptr};
  torch::nn::Embedding token_type_embeddings{nullptr};  ///< none without segments
  torch::nn::LayerNorm LayerNorm{nullptr};

 private:
  TokenEmbeddingsOptions options_;
};
TORCH_MODULE(TokenEmbeddings);

}  // namespace langzoo
