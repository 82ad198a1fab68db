/// Activation checkpointing: memory for time (https://arxiv.org/abs/1604.06174).
#pragma once

#include <functional>
#include <vector>

#include <torch/types.h>

namespace langzoo {

/// function(x), of which only x is kept for the backward pass: the function runs again there, under the same autocast
/// state and from the same random state, so that its dropout masks repeat. `parameters` are the tensors besides x that
/// the function's result depends on and that want gradients; whatever else it captures must be constant and stay alive.
torch::Tensor checkpoint(const std::function<torch::Tensor(const torch::Tensor&)>& function, const torch::Tensor& x,
                         const std::vector<torch::Tensor>& parameters);

}  // namespace langzoo
