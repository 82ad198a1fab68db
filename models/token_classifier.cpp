#include "models/token_classifier.h"

#include "third_party/torch.h"

namespace langzoo {

torch::Tensor TokenClassifier::loss_sum(const torch::Tensor& logits, const torch::Tensor& labels,
                                        const LabelSmoothing& smoothing) const {
  return cross_entropy(logits.flatten(0, 1), labels.flatten(), {.smoothing = smoothing});
}

std::vector<std::int64_t> TokenClassifier::best_labels(const torch::Tensor& logits) const {
  const auto best = logits.argmax(-1).to(torch::kCPU).contiguous();
  return {best.data_ptr<std::int64_t>(), best.data_ptr<std::int64_t>() + best.numel()};
}

}  // namespace langzoo
