/// How parameters get their first values.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// While one is alive on this thread, modules leave their parameters uninitialised: from_pretrained fills them from a
/// file and need not pay for random numbers first. Module constructors ask `SkipInit::active()` before initialising.
class SkipInit {
 public:
  SkipInit();
  ~SkipInit();
  SkipInit(const SkipInit&) = delete;
  SkipInit& operator=(const SkipInit&) = delete;
  static bool active();

 private:
  bool outer_;
};

/// Fills `tensor` with N(0, std^2) from torch's default generator (torch::manual_seed), outside any graph.
void init_normal(const torch::Tensor& tensor, double std);

}  // namespace langzoo
