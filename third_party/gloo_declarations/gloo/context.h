/// LibTorch holds Gloo but not its headers, which c10d/ProcessGroupGloo.hpp includes: this declares as much as that one
/// asks for.
#pragma once

#include <chrono>

namespace gloo {

class Context {
 public:
  virtual ~Context();
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
