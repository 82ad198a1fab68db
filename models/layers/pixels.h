/// Pictures as models read them. Letters: B batch, D pixels of a side.
#pragma once

#include <cstdint>
#include <string_view>

#include <torch/nn/modules/conv.h>

namespace langzoo {

/// Bytes as values in [-1,1], in the dtype of `like`. Throws std::invalid_argument naming `who` reads them where they
/// are of another size. Shapes: bytes (B, 3 D D) of any whole-number type: reds, greens and blues one behind the other,
/// each row by row from the top -> (B,3,D,D).
torch::Tensor scaled_pixels(const torch::Tensor& bytes, std::int64_t D, const torch::Tensor& like,
                            std::string_view who);

/// A convolution whose output has a `stride`-th of the input's rows and columns; at a stride of 1 the kernel is odd.
/// Shapes: (B,in,D,D) -> (B,out,D/stride,D/stride).
torch::nn::Conv2d convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride = 1);

}  // namespace langzoo
