/// Principal component analysis (Pearson 1901; Hotelling 1933).
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

/// The rows' coordinates along the `components` directions of largest variance, in falling order, about their mean. Of
/// a direction's two signs the one that makes its largest loading positive is taken, as scikit-learn's PCA does.
/// Directions that the rows do not have (C < K, or no variance left) are zero columns.
/// Throws std::invalid_argument when `vectors` is no matrix or holds a value that is not finite (naming the row).
///
/// Shapes: vectors (N,C), any device and floating type -> (N,K) float32 there, K = components.
torch::Tensor principal_components(const torch::Tensor& vectors, std::int64_t components = 2);

}  // namespace langzoo
