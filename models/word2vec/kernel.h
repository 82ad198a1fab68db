/// The arithmetic of one update of the Hogwild trainer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace langzoo {

/// Memory of one thread's updates; grows to what the largest needs.
class LogisticScratch {
 public:
  /// `count` floats, aligned to 64 bytes, not initialised.
  float* floats(std::int64_t count);

 private:
  std::vector<float> storage_;
};

/// One step of SGD on the logistic loss between some input vectors and some target rows, every input with every target:
///     L = sum_i sum_j -log sigma((2 y_j - 1) u_i . v_j)
/// All gradients are those at the beginning of the step. Rows are `dim` float32 values; a row may occur several times,
/// and other threads may read and write it meanwhile (Niu et al. 2011, "Hogwild!").
struct LogisticStep {
  std::span<float* const> inputs;   ///< rows of the input table
  std::span<float* const> targets;  ///< rows of the target table
  std::span<const float> labels;    ///< y_j
  std::int64_t dim = 0;
  bool composed = false;      ///< the mean of `inputs` is one input; false: each is an input of its own
  bool full_gradient = true;  ///< composed: each row takes the whole error; false: error / inputs.size()
  float learning_rate = 0;
};

/// Applies the step and returns L. Requires an input, a target, and as many labels as targets.
float apply(const LogisticStep& step, LogisticScratch& scratch);

}  // namespace langzoo
