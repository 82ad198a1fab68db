/// What language modelling asks of a model; names no family. The families' head modules implement it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include <torch/nn/module.h>
#include <torch/types.h>

#include "models/generation/step.h"

namespace langzoo {

/// A model that predicts each token from those before it: a torch::nn::Module with this as another base.
class CausalLm {
 public:
  virtual ~CausalLm() = default;

  /// The model itself.
  virtual torch::nn::Module& module() = 0;
  virtual std::int64_t n_positions() const = 0;
  virtual std::int64_t vocab_size() const = 0;
  /// Those that end a text.
  virtual std::vector<std::int32_t> end_tokens() const = 0;
  /// Shapes: ids (B,T) int64 -> (B,T,V).
  virtual torch::Tensor logits(const torch::Tensor& ids) = 0;
  /// Cross-entropy summed over the targets that are not -100; `targets[b][t]` is what follows ids[b][..t].
  /// Shapes: ids, targets (B,T) int64 -> scalar.
  virtual torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) = 0;
  /// Generation from a left-padded prompt; shares the model, which must be in evaluation mode. `capacity`: tokens a row
  /// may hold, the prompt's included. Shapes: mask (B,T) bool.
  virtual std::unique_ptr<StepFunction> start(const torch::Tensor& mask, std::int64_t capacity) = 0;
  /// Writes config.json and the weights.
  virtual void save_pretrained(const std::filesystem::path& dir) const = 0;
};

}  // namespace langzoo
