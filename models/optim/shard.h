/// Optimizer state that several processes share: each keeps a part (ZeRO stage 1, Rajbhandari et al. 2020,
/// https://arxiv.org/abs/1910.02054, section 5.1).
#pragma once

#include <cstdint>
#include <functional>

#include <torch/types.h>

namespace langzoo {

/// Which part of every buffer is this process's: elements [begin, end) of a buffer whose size `world` divides.
struct Shard {
  std::int64_t index = 0, world = 1;
  /// Called by all processes at once, each with its part (N): all parts in order (world*N) on process 0, undefined
  /// elsewhere.
  std::function<torch::Tensor(const torch::Tensor& own)> gather = {};

  std::int64_t begin(std::int64_t numel) const { return numel / world * index; }
  std::int64_t end(std::int64_t numel) const { return numel / world * (index + 1); }
};

}  // namespace langzoo
