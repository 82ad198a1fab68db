#pragma once

#include <functional>
#include <string>

namespace langzoo {

/// Tells the user what takes time, and what was left out.
using Message = std::function<void(const std::string&)>;

}  // namespace langzoo
