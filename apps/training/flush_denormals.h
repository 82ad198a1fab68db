/// Denormal floats as zero: arithmetic on them is many times slower, and training never needs them.
#pragma once

namespace langzoo {

/// Sets the mode on this thread and on the workers of ATen's parallel loops while it lives, so that results do not
/// depend on when those threads were started. Does nothing on processors without such a mode.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  bool was_on_;
};

}  // namespace langzoo
