/// Figures short enough to read at a glance.
#pragma once

#include <cstdint>
#include <string>

namespace langzoo {

/// "21.4k", "1.3M": three figures and a unit.
std::string with_unit(double value);
/// "1 step", "20 steps".
std::string counted(std::int64_t count, const std::string& one, const std::string& many);
/// "0:07", "12:30", "3:04:05".
std::string as_duration(double seconds);

}  // namespace langzoo
