/// What files hold, in messages. No other langzoo header.
#pragma once

#include <string>
#include <string_view>

namespace langzoo {

/// `text` with its control characters spelled, "\\x1B": they would garble a terminal, and a NUL ends a message, which
/// is a C string. Errors escape all they say (FileError, ConfigError); an exception of another class quotes what a file
/// holds through this.
std::string escaped(std::string_view text);

}  // namespace langzoo
