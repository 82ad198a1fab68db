/// The encoder layer of "Attention Is All You Need" (https://arxiv.org/abs/1706.03762, section 3.1), as BERT and its
/// relatives have it: each part's result is added to its input, and the sum normalised. The families say what its
/// parameters are called.
#pragma once

#include <cstdint>

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include "models/layers/activations.h"
#include "models/layers/linear.h"
#include "models/layers/self_attention.h"

namespace langzoo {

/// Paths below the layer: "attention.self.query".
struct PostNormLayerNames {
  const char *query, *key, *value, *attention_output, *attention_norm;
  const char *inner, *outer, *output_norm;
  const char* distances = "";  ///< relative positions
};

struct PostNormLayerOptions {
  PostNormLayerNames names;
  std::int64_t width, heads, inner_width;
  Activation activation = Activation::kGelu;
  double layer_norm_eps = 1e-12;
  double attention_dropout = 0;  ///< of the weights
  double attention_output_dropout = 0, output_dropout = 0;
  PositionType positions = PositionType::kAbsolute;
  std::int64_t max_positions = 0;  ///< relative positions
};

class PostNormLayerImpl : public torch::nn::Module {
 public:
  /// The attention, or the feed-forward layer, may be another layer's, with its norm.
  explicit PostNormLayerImpl(const PostNormLayerOptions& options, const PostNormLayerImpl* attention_of = nullptr,
                             const PostNormLayerImpl* feed_forward_of = nullptr);

  /// Shapes: x (R,T,C) -> (R,T,C).
  torch::Tensor forward(const torch::Tensor& x, const TokenRows& rows);
  /// Takes the values of another's parameters, whatever they are called there. Throws std::invalid_argument where sizes
  /// differ.
  void copy_from(const PostNormLayerImpl& other);

  Linear query{nullptr}, key{nullptr}, value{nullptr}, attention_output{nullptr}, inner{nullptr}, outer{nullptr};
  torch::nn::LayerNorm attention_norm{nullptr}, output_norm{nullptr};
  torch::nn::Embedding distances{nullptr};  ///< (2P-1, K)

 private:
  PostNormLayerOptions options_;
};
TORCH_MODULE(PostNormLayer);

}  // namespace langzoo
