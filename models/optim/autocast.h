/// Mixed precision: products in a lower precision, weights and the rest in float32.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// Enables ATen's autocast on this thread while it lives and restores what was set before. When the outermost guard
/// ends it drops the cached casts of the weights: kept, they would outlive an optimizer step. dtype float32 switches it
/// off.
class AutocastGuard {
 public:
  AutocastGuard(torch::DeviceType device, torch::ScalarType dtype);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  torch::DeviceType device_;
  bool was_enabled_;
  torch::ScalarType previous_dtype_;
};

}  // namespace langzoo
