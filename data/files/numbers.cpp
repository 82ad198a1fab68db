#include "data/files/numbers.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace langzoo {

namespace {

/// Whether it is too small, not too large: by the decimal place of its first digit that is not 0.
bool is_too_small(std::string_view number) {
  const auto e = std::min(number.find_first_of("eE"), number.size());
  auto power = number.substr(std::min(e + 1, number.size()));
  if (power.starts_with('+')) power.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto read = std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (read.ec == std::errc::result_out_of_range) return power.starts_with('-');
  const auto digits = number.substr(0, e);
  const auto point = static_cast<std::int64_t>(std::min(digits.find('.'), digits.size()));
  const auto first = static_cast<std::int64_t>(std::min(digits.find_first_of("123456789"), digits.size()));
  // Far below zero or far above it; where the product of such two is near it, a double could hold the number.
  return exponent < first - point;
}

}  // namespace

std::string_view name_of(NumberFault fault) {
  switch (fault) {
    case NumberFault::kNone:
      return "a number";
    case NumberFault::kNoNumber:
      return "no number";
    case NumberFault::kOutOfRange:
      return "out of range";
    default:
      return "not finite";
  }
}

double beyond_doubles(std::string_view number) {
  const double magnitude = is_too_small(number) ? 0.0 : std::numeric_limits<double>::infinity();
  return number.starts_with('-') ? -magnitude : magnitude;
}

}  // namespace langzoo
