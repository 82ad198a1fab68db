/// The product that every step of a recurrent layer takes with the same matrix, for kernels without a graph.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

/// x W^T for one W and the x of every step: as often as that, W is worth arranging first. For oneDNN that is packing,
/// for MKL rows of W^T (64 x 512 times 512 x 2048 on a Xeon core: 0.67 ms, and 0.86 ms with W's own rows).
class StepProduct {
 public:
  /// W (out,in), float32 on the CPU, any strides; `rows` B and `steps` are what it will be used for.
  StepProduct(const torch::Tensor& weight, std::int64_t rows, std::int64_t steps);

  /// Valid until the next call. Shapes: x (B,in) -> (B,out).
  const torch::Tensor& operator()(const torch::Tensor& x);

 private:
  torch::Tensor one_row_, packed_, transposed_, product_;
};

}  // namespace langzoo
