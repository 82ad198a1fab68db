/// What language modelling asks of a model; names no family. The families' head modules implement it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "models/generation/step.h"
#include "models/generation_config.h"
#include "models/layers/attention_weights.h"
#include "models/task_model.h"

namespace langzoo {

/// A model that predicts each token from those before it.
class CausalLm : public TokenModel {
 public:
  /// Of the folder it is from: from_pretrained() reads it, save_pretrained() writes it again.
  GenerationConfig generation_config;

  /// Those that end a text: generation_config's where there is such a file, otherwise the config's. One beyond the
  /// vocabulary is never met.
  virtual std::vector<std::int32_t> end_tokens() const = 0;
  /// What it reads before any prompt, a token that was before every text it learnt from; by default nothing.
  virtual std::optional<std::int32_t> prompt_start() const { return std::nullopt; }
  /// Shapes: ids (B,T) int64 -> (B,T,V).
  virtual torch::Tensor logits(const torch::Tensor& ids) = 0;
  /// Cross-entropy summed over the targets that are not -100; `targets[b][t]` is what follows ids[b][..t].
  /// Shapes: ids, targets (B,T) int64 -> scalar.
  virtual torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) = 0;
  /// Generation from a left-padded prompt; shares the model, which must be in evaluation mode. `capacity`: tokens a row
  /// may hold, the prompt's included. Shapes: mask (B,T) bool.
  virtual std::unique_ptr<StepFunction> start(const torch::Tensor& mask, std::int64_t capacity) = 0;
  /// The weights of every layer and head; no layers without attention. Throws std::length_error where a row has more
  /// than `most`. Shapes: ids (B,T) int64.
  virtual AttentionWeights attentions(const torch::Tensor& /*ids*/, std::int64_t most) {
    return {AttentionKind::kDecoder, most};
  }
};

}  // namespace langzoo
