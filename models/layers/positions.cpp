#include "models/layers/positions.h"

#include "third_party/torch.h"

namespace langzoo {

torch::Tensor sinusoidal_positions(std::int64_t positions, std::int64_t width, SinusoidLayout layout) {
  const auto p = at::arange(positions, torch::kFloat64).unsqueeze(1);
  const auto exponents = at::arange(0, width, 2, torch::kFloat64) / static_cast<double>(width);  // 2i/C
  const auto angles = p / at::pow(10000.0, exponents);                                           // (P, ceil(C/2))
  const auto sines = angles.sin(), cosines = angles.narrow(1, 0, width / 2).cos();
  auto table = at::empty({positions, width}, torch::kFloat32);
  const bool interleaved = layout == SinusoidLayout::kInterleaved;
  const auto columns = [&](std::int64_t from, std::int64_t count) {
    return interleaved ? table.slice(1, from == 0 ? 0 : 1, width, 2) : table.narrow(1, from, count);
  };
  columns(0, sines.size(1)).copy_(sines);
  columns(sines.size(1), cosines.size(1)).copy_(cosines);
  return table;
}

}  // namespace langzoo
