/// How long LibTorch's threads spin while they wait for work, in programs whose sources openmp_wait.cpp is part of.
#pragma once

namespace langzoo {

/// libgomp's own is 300000, about 3 ms: where another process wants the CPU, spinning threads take it from those they
/// wait for, and training falls to a fortieth. Without spinning threads wake up late on an idle machine. What the user
/// says in OMP_WAIT_POLICY or GOMP_SPINCOUNT stays.
inline constexpr char kSpinSetting[] = "GOMP_SPINCOUNT=2000";

}  // namespace langzoo
