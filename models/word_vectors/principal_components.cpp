#include "models/word_vectors/principal_components.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "third_party/torch.h"

namespace langzoo {

torch::Tensor principal_components(const torch::Tensor& vectors, std::int64_t components) {
  if (vectors.dim() != 2) throw std::invalid_argument("principal_components takes a matrix, a row a vector");
  if (components < 1) throw std::invalid_argument(fmt::format("components must be at least 1, not {}", components));
  const auto bad_rows = vectors.isfinite().all(1).logical_not().nonzero();
  if (bad_rows.size(0) > 0) {
    throw std::invalid_argument(fmt::format("row {} holds a value that is not finite", bad_rows[0].item<int64_t>()));
  }
  const auto n = vectors.size(0);
  const auto coordinates = torch::zeros({n, components}, vectors.options().dtype(torch::kFloat32));
  const auto found = std::min(components, vectors.size(1));
  if (n == 0 || found == 0) return coordinates;

  const auto rows = vectors.to(torch::kFloat64);
  const auto centered = rows - rows.mean(0);
  const auto [variances, directions] = torch::linalg_eigh(centered.t().mm(centered));  // ascending
  auto axes = directions.flip(1).slice(1, 0, found);
  axes = axes * axes.gather(0, axes.abs().argmax(0, /*keepdim=*/true)).sign();
  const auto noise = variances[-1] * static_cast<double>(vectors.size(1)) * 0x1p-52;
  const auto has_variance = variances.flip(0).slice(0, 0, found) > noise;
  coordinates.slice(1, 0, found).copy_(centered.mm(axes) * has_variance);
  return coordinates;
}

}  // namespace langzoo
