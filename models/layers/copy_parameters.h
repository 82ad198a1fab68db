/// Values from one module to another that has the same parameters.
#pragma once

#include <torch/nn/module.h>

namespace langzoo {

/// Throws std::invalid_argument naming both sizes where they differ.
void copy_parameter(const torch::Tensor& to, const torch::Tensor& from);
/// Of all parameters, in their order, whatever they are called. Throws as copy_parameter(), or where there are more of
/// one.
void copy_parameters(torch::nn::Module& to, const torch::nn::Module& from);
/// Of all parameters of `to` by their names; `from` may have more. Throws as copy_parameter(), or naming one that it
/// lacks.
void copy_named_parameters(torch::nn::Module& to, const torch::nn::Module& from);

}  // namespace langzoo
