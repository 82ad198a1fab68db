/// The arithmetic of GloveTrainer.
#pragma once

#include <cstdint>
#include <span>

namespace langzoo {

/// One side of the model, words or contexts: float32, row-major, `dim` wide.
struct GloveTable {
  float* vectors = nullptr;         ///< (V,C)
  float* vector_squares = nullptr;  ///< (V,C) AdaGrad's sums
  float* biases = nullptr;          ///< (V)
  float* bias_squares = nullptr;    ///< (V)
};

/// An entry made ready: what does not depend on the parameters.
struct WeightedEntry {
  std::int32_t row, column;
  float log_count, weight;
};

struct EntriesLoss {
  double sum = 0;
  std::int64_t not_finite = 0;  ///< entries that are left out of it and took no step
};

/// One step for each entry, in order; returns their losses, each before its step. Other threads may read and write the
/// tables meanwhile.
EntriesLoss train_entries(const GloveTable& words, const GloveTable& contexts, std::int64_t dim,
                          std::span<const WeightedEntry> entries, float learning_rate);

}  // namespace langzoo
