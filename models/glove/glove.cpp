#include "models/glove/glove.h"

#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void GloveConfig::for_each_field(FieldVisitor& visit) {
  visit("vocab_size", vocab_size, {.least = 1, .most = 1 << 30, .help = "words"});
  visit("dim", dim, {.least = 1, .most = 1 << 16, .help = "width of the vectors"});
  visit("x_max", x_max, {.above = 0, .help = "glove: counts from here on weigh alike"});
  visit("alpha", alpha, {.least = 0, .most = 1, .help = "glove: smaller ones weigh (count / x_max)^alpha"});
}

const PretrainedTraits& GloveImpl::pretrained_traits() {
  static const PretrainedTraits traits{"glove", "Glove", ""};
  return traits;
}

GloveImpl::GloveImpl(const GloveConfig& config) : config_(config) {
  config_.validate();
  const auto [rows, dim] = std::pair{config_.vocab_size, config_.dim};
  // Given its weight, torch's embedding does not draw one.
  const auto table = [&, rows = rows, dim = dim] {
    return torch::nn::Embedding(torch::nn::EmbeddingOptions(rows, dim)._weight(torch::empty({rows, dim})));
  };
  embeddings = register_module("embeddings", table());
  context_embeddings = register_module("context_embeddings", table());
  biases = register_parameter("biases", torch::empty({rows}));
  context_biases = register_parameter("context_biases", torch::empty({rows}));
  embedding_squares = register_buffer("embedding_squares", torch::empty({rows, dim}));
  context_embedding_squares = register_buffer("context_embedding_squares", torch::empty({rows, dim}));
  bias_squares = register_buffer("bias_squares", torch::empty({rows}));
  context_bias_squares = register_buffer("context_bias_squares", torch::empty({rows}));
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  const double bound = 0.5 / static_cast<double>(dim);
  for (const auto& parameter : parameters()) parameter.uniform_(-bound, bound);
  for (const auto& sums : buffers()) sums.fill_(1.0);
}

Tensor GloveImpl::forward(const Tensor& rows, const Tensor& columns) const {
  const Tensor words = torch::embedding(embeddings->weight, rows);
  const Tensor contexts = torch::embedding(context_embeddings->weight, columns);
  return (words * contexts).sum(-1) + biases.index_select(0, rows) + context_biases.index_select(0, columns);
}

Tensor GloveImpl::weights(const Tensor& counts) const {
  return (counts / config_.x_max).pow(config_.alpha).clamp_max(1.0);
}

Tensor GloveImpl::loss_sum(const Tensor& rows, const Tensor& columns, const Tensor& counts) const {
  const Tensor difference = forward(rows, columns) - counts.log();
  return 0.5 * (weights(counts) * difference.square()).sum();
}

Tensor GloveImpl::word_vectors() const {
  const torch::NoGradGuard no_grad;
  return embeddings->weight + context_embeddings->weight;
}

void GloveImpl::save_pretrained(const std::filesystem::path& dir) const {
  langzoo::save_pretrained(*this, config_, pretrained_traits(), dir);
}

}  // namespace langzoo
