#include "models/layers/relative_positions.h"

#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

Tensor distance_buckets(std::int64_t first, std::int64_t distances, const DistanceBuckets& buckets) {
  const auto side = buckets.bidirectional ? buckets.count / 2 : buckets.count, exact = side / 2;
  const auto distance = at::arange(first, first + distances, torch::kInt64);
  const auto away = buckets.bidirectional ? distance.abs() : distance.clamp_max(0).neg();
  const double octaves = std::log(static_cast<double>(buckets.max_distance) / static_cast<double>(exact));
  const auto far =
      (at::log(away.clamp_min(1).to(torch::kFloat32) / exact) / octaves * (side - exact)).to(torch::kInt64) + exact;
  const auto bucket = at::where(away < exact, away, far.clamp_max(side - 1));
  return buckets.bidirectional ? bucket + (distance > 0) * side : bucket;
}

Tensor distance_biases(const Tensor& table, std::int64_t first, std::int64_t distances,
                       const DistanceBuckets& buckets) {
  const auto places = distance_buckets(first, distances, buckets).to(table.device());
  return table.index_select(0, places).t();
}

Tensor spread_distances(const Tensor& biases, std::int64_t queries, std::int64_t keys) {
  const auto distances = queries + keys - 1;
  if (biases.dim() != 2 || biases.size(1) != distances)
    throw std::invalid_argument(c10::str("relative positions: ", biases.sizes(), " are not the biases of ", queries,
                                         " queries and ", keys, " keys"));
  // Each row of a matrix of T equal rows begins one place after the one before, once rows are a place longer.
  const auto rows = at::constant_pad_nd(biases.unsqueeze(1).expand({-1, queries, -1}).flatten(1), {0, queries});
  return rows.unflatten(1, {queries, distances + 1}).narrow(2, 0, keys).flip(1).unsqueeze(0);
}

}  // namespace langzoo
