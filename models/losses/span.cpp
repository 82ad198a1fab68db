#include "models/losses/span.h"

#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {
/// Its exponential is 0, and yet a row of nothing else has a gradient.
constexpr double kUnseen = -1e30;
}  // namespace

torch::Tensor span_loss(const torch::Tensor& start_logits, const torch::Tensor& end_logits, const torch::Tensor& starts,
                        const torch::Tensor& ends, const torch::Tensor& mask) {
  const auto beyond = start_logits.size(1);
  const auto one = [&](const torch::Tensor& logits, const torch::Tensor& places) {
    auto seen = logits.to(at::promote_types(logits.scalar_type(), torch::kFloat32));
    if (mask.defined()) seen = seen.masked_fill(mask == 0, kUnseen);
    return cross_entropy(seen, places.clamp(0, beyond), {.ignore_index = beyond, .reduction = Reduction::kMean});
  };
  return (one(start_logits, starts) + one(end_logits, ends)) / 2;
}

}  // namespace langzoo
