#include "models/layers/scalar_mixture.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

ScalarMixtureImpl::ScalarMixtureImpl(std::int64_t layers, bool layer_norm) : layer_norm_(layer_norm) {
  if (layers < 1) throw std::invalid_argument(c10::str("scalar mixture: layers = ", layers, " must be positive"));
  weights = register_parameter("weights", torch::zeros({layers}));
  gamma = register_parameter("gamma", torch::ones({1}));
}

Tensor ScalarMixtureImpl::forward(const Tensor& layers) {
  if (layers.dim() < 2 || layers.size(0) != weights.size(0))
    throw std::invalid_argument(
        c10::str("scalar mixture: ", weights.size(0), " layers expected, not ", layers.sizes()));
  constexpr double kEpsilon = 1e-12;
  const auto x = layer_norm_ ? at::layer_norm(layers, {layers.size(-1)}, {}, {}, kEpsilon) : layers;
  return gamma * at::tensordot(weights.softmax(0), x, {0}, {0});
}

}  // namespace langzoo
