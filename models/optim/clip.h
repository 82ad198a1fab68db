/// Clipping by the global gradient norm (Pascanu et al. 2013) that never waits for the device.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// What gradients of norm `norm` are to be divided by so that it becomes at most `max_norm`: max(1, (norm + 1e-6) /
/// max_norm), on the norm's device; not finite when the norm is not. AdamW::step() divides in its own pass.
torch::Tensor clip_divisor(const torch::Tensor& norm, double max_norm);

/// Clips the gradients of `parameters` in place and returns their norm before, a float32 scalar on the first one's
/// device: not finite when a gradient is not. Parameters without gradient are skipped; zero when none has one.
torch::Tensor clip_grad_norm(const std::vector<torch::Tensor>& parameters, double max_norm);

}  // namespace langzoo
