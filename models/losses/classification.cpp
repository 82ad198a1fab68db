#include "models/losses/classification.h"

#include <stdexcept>

#include "third_party/torch.h"

namespace langzoo {

torch::Tensor binary_cross_entropy_sum(const torch::Tensor& logits, const torch::Tensor& targets,
                                       const torch::Tensor& mask) {
  const auto precise = at::isReducedFloatingType(logits.scalar_type()) ? torch::kFloat32 : logits.scalar_type();
  const auto x = logits.to(precise);
  const auto losses = at::binary_cross_entropy_with_logits(x, targets.to(precise), {}, {}, at::Reduction::None);
  return mask.defined() ? losses.masked_fill(mask == 0, 0).sum() : losses.sum();
}

torch::Tensor sequence_loss_sum(const torch::Tensor& logits, const torch::Tensor& targets, ProblemType type,
                                const LabelSmoothing& smoothing) {
  if (type == ProblemType::kSingleLabel) return cross_entropy(logits, targets, {.smoothing = smoothing});
  if (targets.numel() != logits.numel())
    throw std::invalid_argument("sequence_loss_sum: as many targets as logits are needed");
  const auto labels = static_cast<double>(logits.size(1));
  const auto y = targets.view_as(logits);
  if (type == ProblemType::kMultiLabel) return binary_cross_entropy_sum(logits, y) / labels;
  return (logits.to(at::promote_types(logits.scalar_type(), torch::kFloat32)) - y).square().sum() / labels;
}

}  // namespace langzoo
