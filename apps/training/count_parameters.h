/// How large a model is.
#pragma once

#include <cstdint>

namespace torch::nn {
class Module;
}

namespace langzoo {

/// Numbers that are learned; tied parameters count once.
std::int64_t count_parameters(const torch::nn::Module& model);

}  // namespace langzoo
