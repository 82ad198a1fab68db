#include "models/losses/chunked_head.h"

#include <algorithm>

#include <ATen/autocast_mode.h>

#include "third_party/torch.h"

namespace langzoo {

std::int64_t head_chunk_rows(std::int64_t vocabulary) {
  constexpr std::int64_t kChunkLogits = std::int64_t{1} << 22, kLeastRows = 256;
  return std::max(kLeastRows, kChunkLogits / std::max<std::int64_t>(1, vocabulary));
}

torch::Tensor autocast_operand(const torch::Tensor& operand) {
  if (!operand.defined()) return operand;
  const auto device = operand.device().type();
  if (!at::autocast::is_autocast_enabled(device)) return operand;
  return at::autocast::cached_cast(at::autocast::get_autocast_dtype(device), operand, device);
}

torch::ScalarType sum_dtype(const torch::Tensor& operand) {
  return at::isReducedFloatingType(operand.scalar_type()) ? torch::kFloat32 : operand.scalar_type();
}

}  // namespace langzoo
