/// t-SNE: a picture of vectors in which neighbours stay neighbours (van der Maaten and Hinton 2008, "Visualizing data
/// using t-SNE").
///
/// The attraction is over each point's 3u nearest neighbours for a perplexity of u (van der Maaten 2014, section 4.1);
/// the repulsion is over all pairs, in vectorised loops. Time grows with N^2: on two threads 2,000 points take 0.9 s and
/// 5,000 take 4 s.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <torch/types.h>

namespace langzoo {

struct TsneOptions {
  double perplexity = 30;  ///< neighbours a point has, softly; at most a third of the other points are taken
  std::int64_t iterations = 1000;
  std::uint64_t seed = 0;  ///< of a jitter in the start, without which equal points could never part
  std::function<void(std::int64_t iteration, double divergence)> progress;  ///< every 50 iterations
};

/// Starts from the two principal components, scaled down (Kobak and Berens 2019); exaggerates the attraction 12 times
/// for the first quarter; momentum 0.5, then 0.8; learning rate max(N / 48, 50) (Belkina et al. 2019). The result does
/// not depend on the number of threads. Throws std::invalid_argument for what principal_components throws for, and for
/// a perplexity below 1.
///
/// Shapes: vectors (N,C) -> (N,2) float32 on the CPU.
torch::Tensor tsne(const torch::Tensor& vectors, const TsneOptions& options = {});

/// What tsne is made of, for whoever wants a layout of his own and for the tests.

/// The probabilities p_j|i of one row (equation 1) whose entropy is log(perplexity), or the nearest to it that there is
/// (equal distances have one entropy only). Requires at least one distance.
std::vector<double> calibrated_row(std::span<const double> squared_distances, double perplexity);

/// p_ij = (p_j|i + p_i|j) / 2N: symmetric, sums to 1. Row i is entries [offsets[i], offsets[i + 1]).
struct Affinities {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;  ///< ascending in a row
  std::vector<float> values;

  std::int64_t size() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

/// Shapes: vectors (N,C).
Affinities tsne_affinities(const torch::Tensor& vectors, double perplexity);

/// The Kullback-Leibler divergence of the picture from the affinities (equation 2). Shapes: points (N,2).
double tsne_divergence(const Affinities& affinities, const torch::Tensor& points);

/// Its gradient (equation 5), the attraction multiplied by `exaggeration`. Shapes: points (N,2) -> (N,2) float32.
torch::Tensor tsne_gradient(const Affinities& affinities, const torch::Tensor& points, double exaggeration = 1);

}  // namespace langzoo
