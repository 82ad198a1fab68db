/// The sampled softmax of Jean et al. 2015, https://arxiv.org/abs/1412.2007, with words drawn as TensorFlow's
/// log_uniform_candidate_sampler does: Zipf's law over ids in the order of falling frequency. For training only: what
/// it gives is no probability.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

/// P(k) = ln((k + 2) / (k + 1)) / ln(V + 1). Shapes: ids int64 of any shape -> float32 alike.
torch::Tensor log_uniform_probabilities(const torch::Tensor& ids, std::int64_t vocabulary);
/// `count` ids drawn with replacement, from torch's default generator. Shapes: -> (count) int64.
torch::Tensor log_uniform_samples(std::int64_t count, std::int64_t vocabulary);

/// The cross-entropy of each target against itself and the same S words, each logit y_k less the logarithm of the
/// number of times S P(k) that word k is expected among them, summed over the targets that are not -100. A drawn word
/// that is a row's target counts nothing there. `bias` may be undefined.
/// Shapes: hidden (N,C), weight (V,C), bias (V), targets (N) int64, samples (S) int64 -> scalar.
torch::Tensor sampled_softmax_loss(const torch::Tensor& hidden, const torch::Tensor& weight, const torch::Tensor& bias,
                                   const torch::Tensor& targets, const torch::Tensor& samples);

}  // namespace langzoo
