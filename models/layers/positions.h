/// What tells a Transformer where a token stands, where positions are not learned.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace langzoo {

enum class SinusoidLayout {
  kInterleaved,  ///< sin, cos, sin, cos, ... as in the paper
  kHalves,       ///< all sines, then all cosines, as in Marian
};

/// sin(p / 10000^(2i/C)) and cos of the same, for positions p from 0 on (https://arxiv.org/abs/1706.03762, section
/// 3.5). An odd width has one sine more than cosines. Shapes: (positions, C) float32, rounded from float64.
torch::Tensor sinusoidal_positions(std::int64_t positions, std::int64_t width, SinusoidLayout layout);

}  // namespace langzoo
