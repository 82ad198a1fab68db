/// The error of settings that cannot be: thrown by libraries, a usage error (exit code 2) to programs.
#pragma once

#include <stdexcept>

namespace langzoo {

class ConfigError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

}  // namespace langzoo
