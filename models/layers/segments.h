/// Sums and softmaxes over groups of rows that lie anywhere in a tensor: the edges of a graph's nodes, the paths of a
/// pair.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

/// Of each group the sum of its rows, of an empty one 0. Shapes: rows (N,...), groups (N) int64 below `count` ->
/// (count,...).
torch::Tensor segment_sum(const torch::Tensor& rows, const torch::Tensor& groups, std::int64_t count);

/// Each number's share among those of its group, softmax. Shapes: scores (N), groups (N) int64 below `count` -> (N).
torch::Tensor segment_softmax(const torch::Tensor& scores, const torch::Tensor& groups, std::int64_t count);

}  // namespace langzoo
