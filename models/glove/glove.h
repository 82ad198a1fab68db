/// GloVe: word vectors whose products, with a bias for each word, are the logarithms of co-occurrence counts.
///
/// Paper: Pennington, Socher and Manning, "GloVe: Global Vectors for Word Representation", 2014. Constants are those of
/// the authors' C program (glove.c), which the paper leaves open.
///
/// The module here is the reference: any device, any optimizer, gradients by autograd. GloveTrainer (glove_trainer.h)
/// trains the same parameters on the CPU many times faster.
///
/// Letters: V words, C width (dim), N entries of the co-occurrence matrix.
#pragma once

#include <cstdint>
#include <filesystem>

#include <torch/nn/modules/embedding.h>

#include "models/pretrained.h"

namespace langzoo {

/// config.json of model_type "glove". The defaults are glove.c's, but for its 50 dimensions.
struct GloveConfig {
  std::int64_t vocab_size = 0;
  std::int64_t dim = 100;
  double x_max = 100.0;  ///< counts from here on weigh 1
  double alpha = 0.75;   ///< those below weigh (count / x_max)^alpha

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const { check_fields(*this, "glove config"); }
};

class GloveImpl : public torch::nn::Module {
 public:
  using Config = GloveConfig;
  static const PretrainedTraits& pretrained_traits();

  /// All parameters, biases too, U(-1/2, 1/2)/C from torch's default generator; all AdaGrad sums 1 (glove.c).
  /// Throws std::invalid_argument.
  explicit GloveImpl(const GloveConfig& config);

  /// What the model takes log counts to be: w_i . w~_j + b_i + b~_j. Shapes: rows, columns (N) int64 -> (N).
  torch::Tensor forward(const torch::Tensor& rows, const torch::Tensor& columns) const;
  /// f(X) = min(1, (X / x_max)^alpha), equation 9. Shapes: counts (...) -> (...).
  torch::Tensor weights(const torch::Tensor& counts) const;
  /// Equation 8 over the given entries of X, halved as glove.c does: sum of f(X_ij) / 2 (forward - log X_ij)^2.
  /// Shapes: rows, columns (N) int64, counts (N) float32, positive -> scalar.
  torch::Tensor loss_sum(const torch::Tensor& rows, const torch::Tensor& columns, const torch::Tensor& counts) const;
  /// W + W~, the sum of what a word is as a word and as a context (section 4.2). Shapes: -> (V,C), no gradient.
  torch::Tensor word_vectors() const;

  /// Writes config.json and model.safetensors, AdaGrad's sums with them: training goes on exactly.
  void save_pretrained(const std::filesystem::path& dir) const;

  const GloveConfig& config() const { return config_; }

  torch::nn::Embedding embeddings{nullptr}, context_embeddings{nullptr};
  torch::Tensor biases, context_biases;  ///< (V)
  /// Sums of squared gradients, of GloveTrainer; shaped like what they belong to.
  torch::Tensor embedding_squares, context_embedding_squares, bias_squares, context_bias_squares;

 private:
  GloveConfig config_;
};
TORCH_MODULE(Glove);

}  // namespace langzoo
