/// One row times a matrix, where reading the matrix once is all the time there is: batch-1 decoding.
///
/// oneDNN's packed product reads GPT-2's weights at about 32 GB/s for one row, on a machine that reads 50 and more;
/// these loops stream the matrix as it lies in the file, so they need no packed copy either.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <torch/types.h>

namespace langzoo {

/// Whether gemv takes these: one row, float32 or bfloat16 alike, on the CPU, a contiguous matrix or its transpose, no
/// gradient being recorded.
bool is_gemv(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

/// x W^T + bias with float32 arithmetic; `bias` may be undefined. For one number of threads the result is always the
/// same. Shapes: x (...,in) of one row, weight (out,in) or the transposed view of (in,out), bias (out) -> (...,out).
torch::Tensor gemv(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

/// Those elements of gemv(x, weight, {}), bit by bit, of a contiguous weight (out,in). Shapes: x (in) -> as `rows`.
std::vector<float> gemv_rows(const torch::Tensor& x, const torch::Tensor& weight, std::span<const std::int64_t> rows);

}  // namespace langzoo
