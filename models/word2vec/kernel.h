/// The arithmetic of one update of the lock-free trainer.
#pragma once

#include <cstdint>
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
/// All gradients are those at the beginning of the step. The tables are float32, row-major, C wide; other threads may
/// read and write them meanwhile (Niu et al. 2011, "Hogwild!").
struct LogisticStep {
  float* embeddings = nullptr;  ///< the input table
  float* output = nullptr;      ///< the target table
  std::int64_t dim = 0;
  const std::int32_t* rows = nullptr;  ///< of the input table
  std::int64_t num_rows = 0;
  bool composed = false;      ///< the rows' mean is one input; false: each is an input of its own
  bool full_gradient = true;  ///< composed: each row takes the whole error; false: error / num_rows
  const std::int32_t* targets = nullptr;
  const float* labels = nullptr;  ///< y_j
  std::int64_t num_targets = 0;
  float learning_rate = 0;
};

/// Applies the step and returns L. Requires num_rows, num_targets >= 1.
float apply(const LogisticStep& step, LogisticScratch& scratch);

}  // namespace langzoo
