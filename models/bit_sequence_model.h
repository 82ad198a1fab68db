/// Models that read a sequence of vectors and write one of bits: the Neural Turing Machine and the LSTM beside it.
#pragma once

#include "models/task_model.h"

namespace langzoo {

/// Letters: T steps, B rows, I inputs, O outputs.
class BitSequenceModel : public TaskModel {
 public:
  virtual std::int64_t input_size() const = 0;
  virtual std::int64_t output_size() const = 0;
  /// Of a bit being 1, at every step, from what was read so far. Rows do not depend on each other. Throws
  /// std::invalid_argument for inputs of another shape. Shapes: inputs (T,B,I) -> (T,B,O).
  virtual torch::Tensor logits(const torch::Tensor& inputs) = 0;
};

}  // namespace langzoo
