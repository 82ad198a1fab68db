/// LibTorch holds Gloo but not its headers, which c10d/ProcessGroupGloo.hpp includes: this declares as much as that one
/// asks for.
#pragma once

namespace gloo::transport {

class Device;
class UnboundBuffer;

}  // namespace gloo::transport
