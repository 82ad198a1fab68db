/// Numbers as texts have them: one parser for all, so that "+6.7", "inf" and what is too large mean the same
/// everywhere.
#pragma once

#include <charconv>
#include <cmath>
#include <string_view>
#include <type_traits>

namespace langzoo {

enum class NumberFault {
  kNone,
  kNoNumber,
  kOutOfRange,  ///< more than the type can hold; what is too small for a floating type is 0, and no fault
  kNotFinite,   ///< inf or nan, which the value then is
};

/// What the text is instead of a number: "no number", "out of range", "not finite".
std::string_view name_of(NumberFault fault);

/// A number that no double can hold as the nearest there is: 0 or infinity, with its sign.
double beyond_doubles(std::string_view number);

/// The decimal number that `text` begins with: digits, a sign before them or none, + too; of floating types a point, an
/// exponent, inf and nan as well. `stop` is where it ends.
template <class Number>
NumberFault read_number(const char* text, const char* end, Number& value, const char*& stop) {
  const bool plus = end - text > 1 && *text == '+' && text[1] != '-';
  const char* const begin = text + plus;
  auto result = std::from_chars(begin, end, value);
  stop = result.ptr;
  if (result.ec == std::errc::invalid_argument) {
    stop = text;
    return NumberFault::kNoNumber;
  }
  if constexpr (!std::is_floating_point_v<Number>) {
    return result.ec == std::errc() ? NumberFault::kNone : NumberFault::kOutOfRange;
  } else {
    if (result.ec == std::errc()) return std::isfinite(value) ? NumberFault::kNone : NumberFault::kNotFinite;
    double wide = 0;
    result = std::from_chars(begin, end, wide);
    if (result.ec != std::errc()) wide = beyond_doubles({begin, static_cast<std::size_t>(stop - begin)});
    value = static_cast<Number>(wide);
    return std::isfinite(value) ? NumberFault::kNone : NumberFault::kOutOfRange;
  }
}

/// All of `text` as a number.
template <class Number>
NumberFault read_number(std::string_view text, Number& value) {
  const char* const end = text.data() + text.size();
  const char* stop = nullptr;
  const auto fault = read_number(text.data(), end, value, stop);
  return stop == end ? fault : NumberFault::kNoNumber;
}

}  // namespace langzoo
