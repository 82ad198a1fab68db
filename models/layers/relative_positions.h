/// What distances between tokens add to attention's scores: a learned number for each head and bucket of distances
/// (Raffel et al. 2020, https://arxiv.org/abs/1910.10683, section 2.1).
///
/// A distance is the key's place minus the query's. Letters: H heads, N buckets, D distances, T queries, S keys.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

/// Half of the buckets have one distance each, the smallest ones; those above grow with the logarithm, up to
/// max_distance, beyond which all share the last.
struct DistanceBuckets {
  std::int64_t count = 32;          ///< N, at least 4
  std::int64_t max_distance = 128;  ///< above the number of distances that have a bucket of their own
  /// Half of the buckets are for keys after the query; otherwise all such keys share bucket 0, as they are not seen.
  bool bidirectional = true;
};

/// The bucket of each distance from `first` on, computed in float32 as Mesh TensorFlow and transformers do
/// (T5Attention. _relative_position_bucket). Shapes: -> (distances) int64 on the CPU.
torch::Tensor distance_buckets(std::int64_t first, std::int64_t distances, const DistanceBuckets& buckets);

/// The biases of those distances; differentiable. Shapes: table (N,H) -> (H,D).
torch::Tensor distance_biases(const torch::Tensor& table, std::int64_t first, std::int64_t distances,
                              const DistanceBuckets& buckets);

/// Attention's bias of neighbouring queries and keys, from the biases of their distances, the least of which is that of
/// the last query and the first key: element (h,t,s) is biases[h][s - t + T - 1]. Differentiable.
/// Shapes: biases (H,T+S-1) -> (1,H,T,S).
torch::Tensor spread_distances(const torch::Tensor& biases, std::int64_t queries, std::int64_t keys);

}  // namespace langzoo
