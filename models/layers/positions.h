/// What tells a Transformer where a token stands, where positions are not learned.
#pragma once

#include <cstdint>
#include <mutex>

#include <torch/types.h>

namespace langzoo {

enum class SinusoidLayout {
  kInterleaved,  ///< sin, cos, sin, cos, ... as in the paper
  kHalves,       ///< all sines, then all cosines, as in Marian
};

/// sin(p / 10000^(2i/C)) and cos of the same, for positions p from `first` on (https://arxiv.org/abs/1706.03762,
/// section 3.5). An odd width has one sine more than cosines. Shapes: (positions, C) float32, rounded from float64.
torch::Tensor sinusoidal_positions(std::int64_t positions, std::int64_t width, SinusoidLayout layout,
                                   std::int64_t first = 0);

/// Those from 0 on, computed when they are first asked for: a model costs nothing for positions that no text has,
/// however many its configuration allows. Any number of threads may ask.
class SinusoidTable {
 public:
  SinusoidTable(std::int64_t width, SinusoidLayout layout) : width_(width), layout_(layout) {}

  /// Shapes: (positions or more, C).
  torch::Tensor rows(std::int64_t positions);

 private:
  std::int64_t width_;
  SinusoidLayout layout_;
  std::mutex mutex_;
  torch::Tensor rows_;
};

}  // namespace langzoo
