/// What classification asks of a model, whatever its family: the families' ...ForSequenceClassification implement it.
#pragma once

#include <cstdint>
#include <filesystem>

#include <torch/types.h>

#include "models/io/class_labels.h"

namespace langzoo {

class SequenceClassifier {
 public:
  virtual ~SequenceClassifier() = default;

  virtual torch::nn::Module& module() = 0;
  virtual const ClassLabels& labels() const = 0;
  virtual std::int64_t vocab_size() const = 0;
  /// Tokens it takes at once; 0: any number.
  virtual std::int64_t n_positions() const = 0;
  /// Shapes: ids (B,T) int64, mask (B,T) bool, true for tokens and false for padding -> (B, labels).
  virtual torch::Tensor logits(const torch::Tensor& ids, const torch::Tensor& mask) = 0;
  /// Writes config.json and the weights.
  virtual void save_pretrained(const std::filesystem::path& dir) const = 0;
};

}  // namespace langzoo
