#include "models/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace langzoo {

ScheduleKind schedule_kind(std::string_view name) {
  for (std::size_t i = 0; i < kScheduleNames.size(); ++i)
    if (kScheduleNames[i] == name) return static_cast<ScheduleKind>(i);
  throw std::invalid_argument(
      fmt::format("schedule '{}' is unknown, expected one of {}", name, fmt::join(kScheduleNames, ", ")));
}

void Schedule::validate() const {
  const auto check = [](bool ok, const char* field, auto value, const char* range) {
    if (!ok) throw std::invalid_argument(fmt::format("schedule: {} is {}, expected {}", field, value, range));
  };
  check(peak >= 0.0 && std::isfinite(peak), "peak", peak, "a number of 0 or more");
  check(minimum >= 0.0 && minimum <= peak, "minimum", minimum, "between 0 and the peak");
  check(warmup_steps >= 0, "warmup_steps", warmup_steps, "0 or more");
  check(total_steps >= 1, "total_steps", total_steps, "1 or more");
  check(decay_fraction >= 0.0 && decay_fraction <= 1.0, "decay_fraction", decay_fraction, "between 0 and 1");
}

double Schedule::at(std::int64_t step) const {
  const auto s = static_cast<double>(std::max<std::int64_t>(step, 0));
  const auto warmup = static_cast<double>(warmup_steps);
  const auto total = static_cast<double>(total_steps);
  if (s < warmup) return peak * s / warmup;
  // The share of the way from `begin` to the end.
  const auto progress = [&](double begin) { return s >= total ? 1.0 : std::max(0.0, (s - begin) / (total - begin)); };
  switch (kind) {
    case ScheduleKind::kConstant:
    case ScheduleKind::kPlateau:
      return peak;
    case ScheduleKind::kLinear:
      return peak + (minimum - peak) * progress(warmup);
    case ScheduleKind::kLinearFromStart:
      return peak + (minimum - peak) * progress(0);
    case ScheduleKind::kCosine:
      return minimum + (peak - minimum) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress(warmup)));
    case ScheduleKind::kInverseSqrt:
      return std::max(minimum, peak * std::sqrt(std::max(warmup, 1.0) / std::max(s, 1.0)));
    case ScheduleKind::kWsd: {
      const double begin = std::max(warmup, total * (1.0 - decay_fraction));
      return begin >= total ? peak : peak + (minimum - peak) * progress(begin);
    }
  }
  return peak;
}

}  // namespace langzoo
