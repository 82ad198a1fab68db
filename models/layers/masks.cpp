#include "models/layers/masks.h"

#include <limits>

#include "third_party/torch.h"

namespace langzoo {

namespace {
constexpr double kDrop = -std::numeric_limits<double>::infinity();
}  // namespace

torch::Tensor padding_bias(const torch::Tensor& mask, torch::ScalarType dtype) {
  auto bias = at::zeros(mask.sizes(), mask.options().dtype(dtype));
  return bias.masked_fill_(mask == 0, kDrop).unsqueeze(1).unsqueeze(1);  // (B,1,1,S)
}

torch::Tensor causal_bias(std::int64_t queries, std::int64_t keys, const torch::TensorOptions& like) {
  return at::full({queries, keys}, kDrop, like).triu_(keys - queries + 1);
}

torch::Tensor combine_biases(const torch::Tensor& a, const torch::Tensor& b) {
  if (!a.defined()) return b;
  if (!b.defined()) return a;
  return a + b;
}

torch::Tensor positions_from_mask(const torch::Tensor& mask) {
  const auto kept = mask != 0;
  return at::cumsum(kept, -1, torch::kInt64).sub_(1).masked_fill_(kept.logical_not(), 0);
}

}  // namespace langzoo
