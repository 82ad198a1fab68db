#include "models/layers/masks.h"

#include <limits>

#include "third_party/torch.h"

namespace langzoo {

namespace {
constexpr double kDrop = -std::numeric_limits<double>::infinity();

/// Shapes: places (...,T,1), keys (S) -> (...,T,S).
torch::Tensor is_near(const torch::Tensor& places, const torch::Tensor& keys, bool causal, std::int64_t window) {
  const auto distance = places - keys;
  auto near = causal ? distance >= 0 : at::ones_like(distance, torch::kBool);
  return window > 0 ? near.logical_and_(distance.abs() < window) : near;
}

torch::Tensor bias_of(const torch::Tensor& seen, const torch::TensorOptions& like) {
  return at::zeros(seen.sizes(), like).masked_fill_(seen.logical_not(), kDrop);
}
}  // namespace

torch::Tensor padding_bias(const torch::Tensor& mask, torch::ScalarType dtype) {
  auto bias = at::zeros(mask.sizes(), mask.options().dtype(dtype));
  return bias.masked_fill_(mask == 0, kDrop).unsqueeze(1).unsqueeze(1);  // (B,1,1,S)
}

torch::Tensor causal_bias(std::int64_t queries, std::int64_t keys, const torch::TensorOptions& like) {
  return at::full({queries, keys}, kDrop, like).triu_(keys - queries + 1);
}

torch::Tensor place_bias(std::int64_t queries, std::int64_t keys, bool causal, std::int64_t window,
                         const torch::TensorOptions& like) {
  const auto places = like.dtype(torch::kInt64);
  return bias_of(
      is_near(at::arange(keys - queries, keys, places).unsqueeze(1), at::arange(keys, places), causal, window), like);
}

torch::Tensor strided_bias(std::int64_t queries, std::int64_t keys, std::int64_t stride,
                           const torch::TensorOptions& like) {
  const auto places = like.dtype(torch::kInt64);
  const auto distance = at::arange(keys - queries, keys, places).unsqueeze(1) - at::arange(keys, places);  // (T,S)
  return bias_of((distance < stride).logical_or_(distance.remainder(stride) == 0), like);
}

torch::Tensor row_bias(const torch::Tensor& query_lengths, const torch::Tensor& key_lengths, bool causal,
                       std::int64_t window, const torch::TensorOptions& like) {
  const auto places = like.dtype(torch::kInt64);
  const auto by_row = [&](const torch::Tensor& lengths) { return lengths.to(places.device()).view({-1, 1, 1, 1}); };
  const auto queries = by_row(query_lengths), keys = by_row(key_lengths);
  const auto query = at::arange(query_lengths.max().item<std::int64_t>(), places).unsqueeze(1);  // (T,1)
  const auto key = at::arange(key_lengths.max().item<std::int64_t>(), places);
  const auto near = is_near(query + keys - queries, key, causal, window);  // (B,1,T,S)
  return bias_of(near.logical_and(query < queries).logical_and_(key < keys), like);
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
