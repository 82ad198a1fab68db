#include "models/layers/positions.h"

#include <vector>

#include <c10/core/InferenceMode.h>

#include "third_party/torch.h"

namespace langzoo {

torch::Tensor sinusoidal_positions(std::int64_t positions, std::int64_t width, SinusoidLayout layout,
                                   std::int64_t first) {
  const auto p = at::arange(first, first + positions, torch::kFloat64).unsqueeze(1);
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

torch::Tensor SinusoidTable::rows(std::int64_t positions) {
  constexpr std::int64_t kBlock = 1024;  // always whole ones, so that a row does not depend on when it is asked for
  const std::lock_guard lock(mutex_);
  const std::int64_t had = rows_.defined() ? rows_.size(0) : 0;
  if (positions <= had) return rows_;
  const c10::InferenceMode also_for_training(false);
  std::vector<torch::Tensor> blocks;
  if (had > 0) blocks.push_back(rows_);
  for (auto first = had; first < positions; first += kBlock) {
    blocks.push_back(sinusoidal_positions(kBlock, width_, layout_, first));
  }
  return rows_ = blocks.size() == 1 ? blocks.front() : at::cat(blocks);
}

}  // namespace langzoo
