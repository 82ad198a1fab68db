/// Weights that need no file: the same numbers in Python and here.
#pragma once

#include <string>

#include <torch/nn/module.h>
#include <torch/types.h>

namespace langzoo::test {

/// fill() of tests/reference/make_gpt2.py: float32 in [-0.04, 0.04) from a hash of `name` and the element's index.
void fill_closed_form(const torch::Tensor& tensor, const std::string& name);

/// Fills every parameter by its name, norms' gains ("ln_*.weight") around 1.
void fill_closed_form(const torch::nn::Module& module);

}  // namespace langzoo::test
