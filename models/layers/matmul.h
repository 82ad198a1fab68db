/// The matrix products of training, by the fastest kernel the machine has.
///
/// ATen sends float32 products to MKL, which on processors of other makers than Intel stops at AVX2; oneDNN does not
/// (on two cores of an AVX-512 EPYC: 440-480 GFLOP/s against 217). On Intel's MKL is the faster one, and takes
/// transposed operands as they are (two cores of a Xeon, 8000x1600 times 1600x512: 372 GFLOP/s against 277). Where
/// nobody has AVX-512 (a core of a first EPYC, 40 GFLOP/s at most) oneDNN is the faster one for x W^T (864x768 times
/// 768x3072: 36.2 against 34.5), and half as fast for the products of the backward pass (17 to 21 against 34). So on a
/// CPU bfloat16 products go to oneDNN, and on other makers' processors float32 products, without AVX-512 those of
/// W (out,in) alone; everything else (other devices, dtypes, builds without oneDNN, tiny shapes) goes the usual way.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// Whether float32 products are fastest by MKL, not oneDNN: on processors of its own maker.
bool mkl_is_fastest();

/// a b without a graph, for operands of any strides. Shapes: (M,K), (K,N) -> (M,N) contiguous.
torch::Tensor matmul_2d(const torch::Tensor& a, const torch::Tensor& b);

/// sum += a b without a graph. Shapes: sum (M,N) contiguous, (M,K), (K,N).
void add_matmul_2d(const torch::Tensor& sum, const torch::Tensor& a, const torch::Tensor& b);

/// y = x W^T + b for W (out,in); differentiable once. `weight` may be a transposed view: GPT-2's (in,out) matrices are
/// passed as weight.t(). `bias` may be undefined. Under autocast the product runs in autocast's dtype.
/// Shapes: x (...,in), weight (out,in), bias (out) -> (...,out).
torch::Tensor affine(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace langzoo
