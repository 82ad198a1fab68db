/// The matrix products of training, by the fastest kernel the machine has.
///
/// ATen sends float32 products to MKL, which on processors of other makers than Intel stops at AVX2; oneDNN does not
/// (on two cores of an AVX-512 EPYC: 440-480 GFLOP/s against 217). On Intel's MKL is the faster one, and takes
/// transposed operands as they are (two cores of a Xeon, 8000x1600 times 1600x512: 372 GFLOP/s against 277). Where
/// nobody has AVX-512 MKL is the better choice for all of them (a core of a third EPYC, 107 GFLOP/s at most, x W^T: 83
/// against 65 to 71 with a thousand rows, 41 against 35 with 16; a core of a first EPYC: 5 % slower there, and twice as
/// fast in the backward pass). So on a CPU bfloat16 products go to oneDNN, as float32 products do on other makers'
/// processors with AVX-512; everything else (other devices, dtypes, builds without oneDNN, tiny shapes) goes the usual
/// way.
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
