/// The error of settings that cannot be: thrown by libraries, a usage error (exit code 2) to programs.
#pragma once

#include <stdexcept>
#include <string>

namespace langzoo {

/// What settings and files hold stands escaped in its message (escaped.h).
class ConfigError : public std::invalid_argument {
 public:
  explicit ConfigError(const std::string& what);
};

}  // namespace langzoo
