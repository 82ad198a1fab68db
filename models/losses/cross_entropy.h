/// Cross-entropy between next-token distributions and targets, in nats.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <torch/types.h>

namespace langzoo {

/// What a smoothed target's distribution gives to tokens that are not the target, e being LabelSmoothing::epsilon.
enum class SmoothingKind {
  kUniform,  ///< e/V to every token, the target as well: torch.nn.CrossEntropyLoss
  kOthers,   ///< e/(V-1) to every other token, 1 - e to the target: Vaswani et al. 2017, tensor2tensor, fairseq
  kOthersButPadding,  ///< e/(V-2) likewise, and nothing to the padding: The Annotated Transformer
};
/// In the order of SmoothingKind.
inline constexpr std::array<std::string_view, 3> kSmoothingNames = {"uniform", "others", "others_but_padding"};

/// Label smoothing. The loss is the cross-entropy to the smoothed target, less, but for kUniform, that target's
/// entropy, so that 0 is the least it can be (tensor2tensor's "normalizing constant", the Annotated Transformer's
/// divergence).
struct LabelSmoothing {
  double epsilon = 0;  ///< 0: none
  SmoothingKind kind = SmoothingKind::kUniform;
  std::int64_t padding = -1;  ///< of kOthersButPadding, which is no target

  /// Throws std::invalid_argument naming field and value.
  void validate(std::int64_t vocabulary) const;
};

enum class Reduction {
  kSum,   ///< over the targets that count: what training accumulates and divides by its own count
  kMean,  ///< over the targets that count; 0 when there are none
};

struct CrossEntropyOptions {
  std::int64_t ignore_index = -100;  ///< targets with this value count nothing and get no gradient
  Reduction reduction = Reduction::kSum;
  LabelSmoothing smoothing = {};
  /// Weight of log(sum_v e^(logit_v))^2, which is added for each target that counts and keeps the logits from drifting
  /// (Mesh TensorFlow; 1e-4 in T5's training). 0: none.
  double z_loss = 0;
};

/// -sum_i log softmax(logits_i)[targets_i], or as LabelSmoothing and z_loss say, a scalar.
/// Shapes: logits (N,V), targets (N) int64 in [0,V) or ignore_index.
torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options = {});

/// cross_entropy(hidden weight^T, targets) for a vocabulary too large to hold N x V logits: rows are taken in chunks,
/// and each chunk's logits become its share of both gradients at once (d logits = softmax - one-hot, and of z_loss
/// 2 z log(sum) softmax) and are forgotten.
/// Differentiable once, in hidden, weight and bias. `chunk_rows` 0 chooses (chunked_head.h). `bias` (V), added to the
/// logits, may be undefined.
/// Shapes: hidden (N,C), weight (V,C), targets (N).
torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets, const CrossEntropyOptions& options = {},
                                   std::int64_t chunk_rows = 0, const torch::Tensor& bias = {});

}  // namespace langzoo
