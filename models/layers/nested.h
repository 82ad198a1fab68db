/// Modules under names with dots: checkpoints nest deeper than what computes does.
#pragma once

#include <memory>
#include <string>

#include <torch/nn/module.h>

namespace langzoo {

/// The module that `at` has under `path`, such as "cls.predictions"; plain ones are registered where there are none
/// yet. The empty path is `at` itself.
torch::nn::Module& nested_module(torch::nn::Module& at, const std::string& path);

/// Registers `module` as `at`'s under `path`, such as "attention.output.dense"; returns it.
template <class Holder>
Holder register_nested(torch::nn::Module& at, const std::string& path, Holder module) {
  const auto dot = path.rfind('.');
  const bool nested = dot != std::string::npos;
  return nested_module(at, nested ? path.substr(0, dot) : "")
      .register_module(nested ? path.substr(dot + 1) : path, std::move(module));
}

}  // namespace langzoo
