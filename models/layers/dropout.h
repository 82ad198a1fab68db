/// Dropout in one pass on torch's threads. ATen's draws one number after another on one thread, writes a mask and
/// multiplies by it twice: a tenth of a small Transformer's training step.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

/// x with each element dropped with probability p, the others divided by 1 - p; x itself outside training. On the CPU,
/// in float32 and bfloat16, by a kernel that draws again in the backward pass; elsewhere at::dropout. Differentiable
/// once. Draws from torch's default generator.
torch::Tensor dropped(const torch::Tensor& x, double p, bool training);

/// x + dropped(y), without another pass. Shapes: x, y alike.
torch::Tensor add_dropped(const torch::Tensor& x, const torch::Tensor& y, double p, bool training);

/// Variational ("locked") dropout: one mask for all steps, drawn anew in each call (Gal and Ghahramani 2016,
/// https://arxiv.org/abs/1512.05287). Shapes: x (T,B,C) -> (T,B,C).
torch::Tensor locked_dropped(const torch::Tensor& x, double p, bool training);

/// A number from torch's default generator on the CPU, with which a kernel draws its own.
std::uint64_t draw_seed();

}  // namespace langzoo
