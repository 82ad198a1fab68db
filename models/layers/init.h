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

}  // namespace langzoo
