/// The adaptive softmax of Grave et al. 2017, https://arxiv.org/abs/1609.04309: frequent words in a short list, rare
/// ones in clusters with narrower vectors, each of which is one more word of the short list. Ids are in the order of
/// falling frequency. Parameters are those of torch.nn.AdaptiveLogSoftmaxWithLoss, by name and shape: head.weight,
/// head.bias with head_bias, tail.0.0.weight, tail.0.1.weight, ...
///
/// Letters: N rows, C their width, V vocabulary, K clusters.
#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "models/layers/linear.h"

namespace langzoo {

struct AdaptiveSoftmaxOptions {
  std::int64_t width = 0;       ///< C
  std::int64_t vocabulary = 0;  ///< V
  /// Where the short list ends and where each cluster but the last does: above 0, rising, below V.
  std::vector<std::int64_t> cutoffs;
  double div_value = 4.0;  ///< cluster i, from 0, has vectors of C / div_value^(i + 1)
  bool head_bias = false;

  /// Throws std::invalid_argument naming field and value.
  void validate() const;
};

class AdaptiveSoftmaxImpl : public torch::nn::Module {
 public:
  /// Initialised as torch.nn.Linear.
  explicit AdaptiveSoftmaxImpl(const AdaptiveSoftmaxOptions& options);

  /// -ln p of the targets, summed over those that are not -100. No row computes a cluster that its target is not in.
  /// Throws std::invalid_argument for targets outside [0,V). Shapes: hidden (N,C), targets (N) int64 -> scalar.
  torch::Tensor loss_sum(const torch::Tensor& hidden, const torch::Tensor& targets);
  /// Of all words. Shapes: hidden (...,C) -> (...,V).
  torch::Tensor log_probabilities(const torch::Tensor& hidden);

  const AdaptiveSoftmaxOptions& options() const { return options_; }

  Linear head{nullptr};
  std::vector<Linear> inner, outer;  ///< of each cluster: tail.<i>.0 and tail.<i>.1

 private:
  std::int64_t short_list() const { return options_.cutoffs.front(); }
  std::int64_t cluster_begin(std::size_t cluster) const { return options_.cutoffs[cluster]; }
  std::int64_t cluster_end(std::size_t cluster) const {
    return cluster + 1 < options_.cutoffs.size() ? options_.cutoffs[cluster + 1] : options_.vocabulary;
  }

  AdaptiveSoftmaxOptions options_;
};
TORCH_MODULE(AdaptiveSoftmax);

}  // namespace langzoo
